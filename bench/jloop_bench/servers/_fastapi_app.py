"""The FastAPI application. FastAPI reads the annotations, so they are not postponed here."""

from fastapi import FastAPI
from pydantic import BaseModel


class Item(BaseModel):
    """What is answered."""

    item_id: int
    name: str
    price: float
    tags: list[str]


app = FastAPI(openapi_url=None)


@app.get("/items/{item_id}")
async def read_item(item_id: int, tag: str = "none") -> Item:
    """A typed path parameter, a typed query parameter, a model as response."""
    return Item(item_id=item_id, name="a thing of use", price=12.5, tags=[tag, "loop"])
