"""The policy: rules as data, exceptions, owners, who is told and who is asked."""
