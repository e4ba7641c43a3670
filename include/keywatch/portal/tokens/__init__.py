"""JSON Web Tokens that an identity provider has issued: which are accepted, and what they say."""
