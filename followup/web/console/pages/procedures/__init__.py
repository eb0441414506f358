"""Page of the procedures of a day or a week."""
