"""The models that are files: where they lie, how they are told apart, and how they get there.

``python3 -m sts_service.models pull`` fetches them; a starting service only ever looks.
"""
