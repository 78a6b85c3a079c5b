"""Sabotages of the picture, and of how steadily the output goes out."""

from typing import Final

from tests.mutants.mutant import Edit, Mutant
from tests.mutants.places import OUTPUT, PACER, STEADILY, STEADY, SYNC, US2, WHOLE

_SENT: Final = "        packet.stream = self._video\n        self._send(packet)\n"
_MADE: Final = (
    "            self._video = self.container.add_stream_from_template(template)\n"
    "            self._video.codec_context.bit_rate = head.bit_rate\n"
)
_MUXER: Final = "        self._video = video\n        self.audio = audio\n"

OF_PICTURE: Final = (
    Mutant(
        name="video-reencoded",
        story="the picture is decoded and encoded again instead of passed on",
        edits=(
            Edit(
                OUTPUT,
                _MADE,
                '            self._video = self.container.add_stream("libx264", rate=30)\n'
                '            self._video.options = {"preset": "ultrafast", "tune": "zerolatency"}\n'
                '            self._video.pix_fmt = "yuv420p"\n'
                "            self._video.codec_context.time_base = template.time_base\n"
                "            Muxer.extradata = head.extradata\n",
            ),
            Edit(
                OUTPUT,
                _MUXER,
                _MUXER + '        self._decoder = av.CodecContext.create("h264", "r")\n'
                "        self._decoder.extradata = Muxer.extradata\n",
            ),
            Edit(
                OUTPUT,
                _SENT,
                "        for frame in self._decoder.decode(packet):\n"
                "            frame.pict_type = 0\n"
                "            frame.time_base = packet.time_base\n"
                "            for again in self._video.encode(frame):\n"
                "                self._send(again)\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC,),
    ),
    Mutant(
        name="picture-dropped",
        story="one picture in the middle of the stream is lost",
        edits=(
            Edit(
                OUTPUT,
                _SENT,
                "        packet.stream = self._video\n"
                "        if self._state.video_packets != 400:\n"
                "            self._send(packet)\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC, WHOLE),
    ),
    Mutant(
        name="second-dropped",
        story="one second of the picture is missing, from keyframe to keyframe",
        edits=(
            Edit(
                OUTPUT,
                _SENT,
                "        packet.stream = self._video\n"
                "        if not 14.1 <= float(packet.pts * packet.time_base) < 15.1:\n"
                "            self._send(packet)\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC, WHOLE),
    ),
    Mutant(
        name="picture-frozen",
        story="the first picture is sent over and over in place of all others",
        edits=(
            Edit(
                OUTPUT,
                _SENT,
                "        if self._state.video_packets == 0:\n"
                "            Muxer.first = bytes(packet)\n"
                "        still = Packet(Muxer.first)\n"
                "        still.time_base = packet.time_base\n"
                "        still.pts, still.dts = packet.pts, packet.dts\n"
                "        still.is_keyframe = True\n"
                "        still.stream = self._video\n"
                "        self._send(still)\n",
            ),
        ),
        behave=(US2,),
        red=(SYNC,),
    ),
    Mutant(
        name="bursts",
        story="the output goes out as fast as it can, segment by segment, instead of steadily",
        edits=(
            Edit(
                PACER,
                "        ahead_s = self.due_at(position_s) - self._now()\n        if ahead_s >",
                "        ahead_s = 0.0\n        if ahead_s >",
            ),
        ),
        behave=(STEADY,),
        red=(STEADILY,),
        alone=True,
    ),
)
"""What is wrong with the picture, or with when it comes."""
