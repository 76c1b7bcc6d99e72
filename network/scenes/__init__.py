"""Images of any size: predicted in windows, written with their georeference."""
