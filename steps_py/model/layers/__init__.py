"""What several encoders and poolings are made of; all of it knows real frames from pads."""
