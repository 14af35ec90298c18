package jloop.bench.load;

import java.util.HashMap;
import java.util.Map;

/** One command: a verb, then {@code name=value} words. */
final class Options {
    private final String verb;
    private final Map<String, String> values = new HashMap<>();

    Options(String line) {
        String[] words = line.strip().split("\\s+");
        verb = words[0];
        for (int i = 1; i < words.length; i++) {
            int equals = words[i].indexOf('=');
            if (equals < 0) {
                throw new LoadException("not name=value: " + words[i]);
            }
            values.put(words[i].substring(0, equals), words[i].substring(equals + 1));
        }
    }

    String verb() {
        return verb;
    }

    String text(String name, String absent) {
        return values.getOrDefault(name, absent);
    }

    double number(String name, double absent) {
        String text = values.get(name);
        return text == null ? absent : Double.parseDouble(text);
    }

    int integer(String name, int absent) {
        String text = values.get(name);
        return text == null ? absent : Integer.parseInt(text);
    }

    /** The server's address, which has to be there. */
    SocketAddress address() {
        String text = values.get("address");
        if (text == null) {
            throw new LoadException("no address=");
        }
        return SocketAddress.parse(text);
    }
}
