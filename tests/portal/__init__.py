"""The portal as its users have it: two processes, a provider that signs people in, and a browser without scripts."""
