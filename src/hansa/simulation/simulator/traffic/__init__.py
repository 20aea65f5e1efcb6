"""Business of all rooms, made by chance from what a member may know: sound for the most part, and hostile."""
