"""A Sanic server on the loop under test: `python sanic_app.py PORT`."""

import asyncio
import sys

from chosen import KIND, loop_name
from sanic import Sanic
from sanic.response import json, raw
from sanic.server import serve  # noqa: F401

app = Sanic("app")
app.config.REQUEST_MAX_SIZE = 100_000_000


@app.get("/loop")
async def loop(request):
    return json(loop_name())


@app.get("/items/<number:int>")
async def item(request, number):
    return json({"number": number, "q": request.args.get("q")})


@app.post("/echo")
async def echo(request):
    return raw(request.body)


@app.get("/bytes/<count:int>")
async def many_bytes(request, count):
    response = await request.respond()
    for number in range(count):
        await response.send(number.to_bytes(4, "big") * 4096)
    await response.eof()


@app.after_server_stop
async def stopped(app):
    print("stopped", flush=True)


if __name__ == "__main__":
    if KIND == "jloop":
        asyncio.set_event_loop_policy(__import__("jloop").EventLoopPolicy())
    app.config.USE_UVLOOP = False
    app.run("127.0.0.1", int(sys.argv[1]), single_process=True, access_log=False, motd=False)
