"""A stand-in for MediaMTX where no registry can be reached: RTMP, RTSP, Control API, recording.

A path is the one shared thing. Protocol sessions (RTMP, RTSP over TCP) are publishers or
readers of a path, the Control API looks at the table of paths, and the recorder follows a
publication. Media travels between them as FLV tag bodies with millisecond timestamps.
"""

NAME = "dubspec-mediamtx-stand-in"
VERSION = "1.1.0"
