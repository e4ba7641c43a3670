"""Azure's identity side: Entra ID, managed identities, Key Vault, and two services that check their tokens."""
