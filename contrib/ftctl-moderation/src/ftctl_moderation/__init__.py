"""How often answers break a policy, for ftctl."""
