"""A Tornado server on the loop under test: `python tornado_app.py PORT`."""

import asyncio
import signal
import sys

import tornado.httpclient
import tornado.httpserver
import tornado.web
import tornado.websocket
from chosen import loop_name, run


class Loop(tornado.web.RequestHandler):
    async def get(self):
        self.write(f'"{loop_name()}"')


class Item(tornado.web.RequestHandler):
    def get(self, number):
        self.write({"number": int(number), "q": self.get_argument("q", None)})


class Echo(tornado.web.RequestHandler):
    def post(self):
        self.write(self.request.body)


class Chunks(tornado.web.RequestHandler):
    async def get(self, count):
        for number in range(int(count)):
            self.write(number.to_bytes(4, "big") * 4096)
            await self.flush()


class Proxy(tornado.web.RequestHandler):
    """Asks this very server by Tornado's client, which resolves in a thread and connects by its own IOStream."""

    async def get(self, number):
        answer = await tornado.httpclient.AsyncHTTPClient().fetch(f"http://127.0.0.1:{sys.argv[1]}/items/{number}")
        self.write(answer.body)


class Socket(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


async def main():
    stop = asyncio.Event()
    ticks = []
    periodic = tornado.ioloop.PeriodicCallback(lambda: ticks.append(1), 10)
    periodic.start()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app = tornado.web.Application(
        [
            ("/loop", Loop),
            ("/items/([0-9]+)", Item),
            ("/echo", Echo),
            ("/bytes/([0-9]+)", Chunks),
            ("/proxy/([0-9]+)", Proxy),
            ("/ws", Socket),
        ]
    )
    server = tornado.httpserver.HTTPServer(app, max_buffer_size=100_000_000)
    server.listen(int(sys.argv[1]), "127.0.0.1")
    await stop.wait()
    server.stop()
    await server.close_all_connections()
    periodic.stop()
    print("stopped after ticks:", len(ticks) > 5, flush=True)


run(main())
