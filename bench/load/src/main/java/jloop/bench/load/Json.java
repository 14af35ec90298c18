package jloop.bench.load;

import java.util.Locale;
import java.util.StringJoiner;

/** One flat JSON object on one line. */
final class Json {
    private final StringJoiner members = new StringJoiner(", ", "{", "}");

    Json put(String name, long value) {
        members.add("\"" + name + "\": " + value);
        return this;
    }

    Json put(String name, double value) {
        members.add(String.format(Locale.ROOT, "\"%s\": %.9g", name, value));
        return this;
    }

    Json put(String name, String value) {
        StringBuilder text = new StringBuilder();
        for (char c : value.toCharArray()) {
            if (c < ' ' || c == '"' || c == '\\') {
                text.append(String.format("\\u%04x", (int) c));
            } else {
                text.append(c);
            }
        }
        members.add("\"" + name + "\": \"" + text + "\"");
        return this;
    }

    @Override
    public String toString() {
        return members.toString();
    }
}
