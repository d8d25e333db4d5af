"""Movies and what is cut from them. Nothing here knows about models or torch."""
