"""A FastAPI application with one of each thing that such applications do."""

import asyncio
import contextlib
import hashlib
import os
import sys
import time

from chosen import loop_name
from fastapi import BackgroundTasks, Depends, FastAPI, HTTPException, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import BaseModel

done_in_background = []


@contextlib.asynccontextmanager
async def lifespan(app):
    print("lifespan: started on", loop_name(), flush=True)
    ticker = asyncio.create_task(tick())
    yield {"started": True}
    ticker.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticker
    print("lifespan: ended", flush=True)


async def tick():
    while True:
        await asyncio.sleep(0.01)


app = FastAPI(lifespan=lifespan)


class Item(BaseModel):
    id: int
    name: str
    tags: list[str] = []


@app.get("/loop")
async def loop():
    return loop_name()


@app.get("/pid")
async def pid():
    return os.getpid()


@app.get("/items/{number}")
async def item(number: int, q: str = "nothing"):
    return {"number": number, "q": q}


@app.post("/items")
async def create(item: Item):
    return item


async def dependency():
    await asyncio.sleep(0)
    try:
        yield "given"
    finally:
        await asyncio.sleep(0)


@app.get("/depends")
async def depends(value: str = Depends(dependency)):
    return value


@app.get("/sync/{number}")
def in_a_thread(number: int):
    time.sleep(0.001)
    return number * 2


@app.get("/slow/{seconds}")
async def slow(seconds: float):
    print("slow: started", flush=True)
    await asyncio.sleep(seconds)
    return "slow"


@app.post("/hash")
async def hash_body(request: Request):
    digest, size = hashlib.sha256(), 0
    async for chunk in request.stream():
        digest.update(chunk)
        size += len(chunk)
    return {"sha256": digest.hexdigest(), "size": size}


@app.post("/echo")
async def echo(request: Request):
    return Response(await request.body(), media_type="application/octet-stream")


@app.get("/bytes/{count}")
async def many_bytes(count: int):
    async def chunks():
        for number in range(count):
            yield number.to_bytes(4, "big") * 4096

    return StreamingResponse(chunks(), media_type="application/octet-stream")


@app.get("/file")
async def file():
    return FileResponse(os.environ.get("APP_FILE", __file__))


@app.get("/background/{name}")
async def background(name: str, tasks: BackgroundTasks):
    tasks.add_task(done_in_background.append, name)
    return name


@app.get("/backgrounds")
async def backgrounds():
    return len(done_in_background)


@app.get("/teapot")
async def teapot():
    raise HTTPException(418, "short and stout")


@app.get("/subprocess")
async def subprocess():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-S", "-c", "print('from a child')", stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    return PlainTextResponse(out)


@app.websocket("/ws")
async def ws(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("bytes") is not None:
                await websocket.send_bytes(message["bytes"])
            elif message["text"] == "close":
                await websocket.close(4001, "asked to")
                return
            else:
                await websocket.send_text(message["text"])
    except WebSocketDisconnect:
        pass
