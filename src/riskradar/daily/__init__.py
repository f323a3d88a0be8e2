"""The line for one more day: the run that speaks, the score of each new session, what is said now, and the same again years later."""
