"""Stories through real processes over real HTTP; they may use both servers."""
