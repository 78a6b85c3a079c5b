"""A stand-in for MediaMTX where no image registry can be reached: RTMP, Control API, recording.

A path is the one shared thing. Protocol sessions (RTMP here; RTSP later) are publishers or
readers of a path, the Control API looks at the table of paths, and the recorder follows a
publication. Media travels between them as FLV tag bodies with millisecond timestamps.
"""

NAME = "dubspec-mediamtx-stand-in"
VERSION = "1.0.0"
