"""The pages in a real browser: headless Chromium against a real server process."""
