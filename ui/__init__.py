"""The page: a Streamlit front end that talks to the service over its Unix socket and holds nothing of its own."""
