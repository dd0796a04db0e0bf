"""Real clips -> exposures whose blur is known: what a lens, a scene and a shutter really look like.

Read in this order: `clips` (frames, optical flow and the camera's motion) -> `exposure` (a window of frames
as one exposure, with extent and direction of its blur) -> `windows` (which frames; a camera that follows).
"""
