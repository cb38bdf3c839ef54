"""Operations as text for each client."""
