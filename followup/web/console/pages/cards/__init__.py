"""Page of the card to hand over."""
