"""Id registry: who was given which customer id, kept for as long as the company."""
