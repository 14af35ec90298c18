"""Servers and clients that nobody of this project wrote, on asyncio (the control) and on jloop."""
