"""An aiohttp server: `python aiohttp_app.py PORT [CERTIFICATE]`."""

import asyncio
import hashlib
import ssl
import sys

from aiohttp import WSMsgType, web
from chosen import loop_name, new_event_loop

routes = web.RouteTableDef()


@routes.get("/loop")
async def loop(request):
    return web.json_response(loop_name())


@routes.get("/items/{number}")
async def item(request):
    return web.json_response({"number": int(request.match_info["number"]), "q": request.query.get("q")})


@routes.post("/echo")
async def echo(request):
    return web.Response(body=await request.read())


@routes.post("/hash")
async def hash_body(request):
    digest, size = hashlib.sha256(), 0
    async for chunk in request.content.iter_any():
        digest.update(chunk)
        size += len(chunk)
    return web.json_response({"sha256": digest.hexdigest(), "size": size})


@routes.post("/form")
async def form(request):
    parts = {}
    async for part in await request.multipart():
        parts[part.name] = len(await part.read())
    return web.json_response(parts)


@routes.get("/bytes/{count}")
async def many_bytes(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for number in range(int(request.match_info["count"])):
        await response.write(number.to_bytes(4, "big") * 4096)
    await response.write_eof()
    return response


@routes.get("/file")
async def file(request):
    return web.FileResponse(sys.argv[-1] if len(sys.argv) > 3 else __file__)


@routes.get("/slow")
async def slow(request):
    print("slow: started", flush=True)
    await asyncio.sleep(1)
    return web.json_response("slow")


@routes.get("/ws")
async def websocket(request):
    ws = web.WebSocketResponse(max_msg_size=10_000_000)
    await ws.prepare(request)
    async for message in ws:
        if message.type is WSMsgType.BINARY:
            await ws.send_bytes(message.data)
        elif message.data == "close":
            await ws.close(code=4001, message=b"asked to")
        else:
            await ws.send_str(message.data)
    return ws


async def started(app):
    print("started on", loop_name(), flush=True)
    yield
    print("cleaned up", flush=True)


def application():
    app = web.Application(client_max_size=100_000_000)
    app.add_routes(routes)
    app.cleanup_ctx.append(started)
    return app


if __name__ == "__main__":
    tls = None
    if len(sys.argv) > 2:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(sys.argv[2])
    web.run_app(
        application(), host="127.0.0.1", port=int(sys.argv[1]), loop=new_event_loop(), ssl_context=tls, access_log=None
    )
