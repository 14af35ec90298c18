package jloop.bench.load;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/**
 * Load for servers on loopback. Reads one command per line from standard input and answers each with one JSON object on
 * one line; a command that fails is answered with {@code {"error": "..."}}. Ends at end of input.
 *
 * <pre>
 * request address=127.0.0.1:4000 kind=stream size=1024 connections=32 warmup=1 seconds=2 pid=123
 * connect address=… size=64 connections=32 …      connect, one echo, close
 * bulk    address=… direction=sink connections=4 …
 * idle    address=… connections=10000             opens and holds them; other commands go on beside them
 * release                                         closes what idle holds
 * serve   size=1024                               answers HTTP from now on; tells its address
 * </pre>
 *
 * {@code warmup} and {@code seconds} are seconds, {@code pid} is the server's: its processor time in the window is
 * reported with the result.
 */
public final class Main {
    private static IdleLoad held;

    private Main() {}

    public static void main(String[] arguments) throws IOException {
        if (arguments.length > 0) {
            System.out.println(run(String.join(" ", arguments)));
            return;
        }
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            System.out.println(run(line));
            System.out.flush();
        }
    }

    private static Json run(String line) {
        try {
            Options options = new Options(line);
            return switch (options.verb()) {
                case "request" -> request(options);
                case "connect" -> connect(options);
                case "bulk" -> bulk(options);
                case "idle" -> idle(options);
                case "release" -> release();
                case "serve" -> serve(options);
                default -> throw new LoadException("no command " + options.verb());
            };
        } catch (LoadException e) {
            return new Json().put("error", e.getMessage());
        }
    }

    private static Json request(Options options) {
        try (RequestLoad load = new RequestLoad(options)) {
            Window window = new Window(options);
            load.run(window);
            return window.result();
        }
    }

    private static Json connect(Options options) {
        try (ConnectLoad load = new ConnectLoad(options)) {
            Window window = new Window(options);
            load.run(window);
            return window.result();
        }
    }

    private static Json bulk(Options options) {
        try (BulkLoad load = new BulkLoad(options)) {
            Window window = new Window(options);
            load.run(window);
            return window.result();
        }
    }

    private static Json idle(Options options) {
        release();
        held = new IdleLoad(options);
        return held.open(options);
    }

    private static Json release() {
        if (held != null) {
            held.close();
            held = null;
        }
        return new Json();
    }

    private static Json serve(Options options) {
        HttpServer server = new HttpServer(options);
        Thread thread = new Thread(server::run, "http");
        thread.setDaemon(true);
        thread.start();
        return new Json().put("address", "127.0.0.1:" + server.port());
    }
}
