"""Work on stored reports: judge them again, calibrate, explain, review, pick thumbnails."""
