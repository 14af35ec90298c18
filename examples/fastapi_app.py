"""The FastAPI application of scripts/demo.

To serve it by hand: `uvicorn --loop jloop:new_event_loop --app-dir examples fastapi_app:app`
"""

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI(title="jloop demo")


class Item(BaseModel):
    """What a shop might sell."""

    id: int
    name: str
    price: float
    tags: list[str] = []


@app.get("/")
async def root() -> dict[str, str]:
    return {"message": "Hello from an event loop written in Java"}


@app.get("/items/{item_id}")
async def read_item(item_id: int, name: str = "thing") -> Item:
    return Item(id=item_id, name=name, price=9.99, tags=["demo", "json"])


@app.post("/items")
async def create_item(item: Item) -> Item:
    return item
