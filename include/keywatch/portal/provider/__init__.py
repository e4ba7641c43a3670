"""Identity providers: Azure AD B2C, Microsoft Entra (External ID or workforce), and any OpenID provider."""
