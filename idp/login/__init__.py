"""Logging in with a card: `card` judges the token, `people` asks the register, `pages` shows the page."""
