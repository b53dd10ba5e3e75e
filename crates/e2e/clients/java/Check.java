// The official Java client through every check of the common list, which `crates/e2e/src/bin/clients/list.rs` holds.
// Arguments: transport, and the URLs of the server, of a way to it that is cut on request, and of such a way to a server
// with recovery. Each result is a line of JSON on standard output.

import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.json.JSONArray;
import org.json.JSONObject;

public class Check {
    static final String PASS = "sesame";
    // How long a check may take, and how long the heartbeat is watched: longer than the server waits for a pong in all.
    static final long PATIENCE = 30_000;
    static final long HEARTBEATS = 8_000;

    static String transport;
    static String url;
    static String cuttable;
    static String recovering;
    static BufferedReader answers;
    static List<Client> opened = new ArrayList<>();

    interface Body {
        void run() throws Exception;
    }

    static void report(JSONObject line) {
        System.out.println(line);
        System.out.flush();
    }

    static void until(String what, Callable<Boolean> condition) throws Exception {
        long begun = System.currentTimeMillis();
        while (!condition.call()) {
            if (System.currentTimeMillis() - begun > PATIENCE) {
                throw new AssertionError("never: " + what);
            }
            Thread.sleep(5);
        }
    }

    /** Cuts every connection that goes by a way that can be cut. */
    static void cut() throws Exception {
        report(new JSONObject().put("ask", "cut"));
        answers.readLine();
    }

    /** What is equal has the same text: the library takes numbers for whatever they fit. */
    static String plain(Object value) throws Exception {
        if (value instanceof byte[]) {
            StringBuilder text = new StringBuilder("bytes");
            for (byte one : (byte[]) value) {
                text.append(' ').append(one & 0xff);
            }
            return text.toString();
        }
        if (value instanceof Number) {
            return String.valueOf(((Number) value).doubleValue());
        }
        List<String> parts = new ArrayList<>();
        if (value instanceof JSONArray) {
            for (int place = 0; place < ((JSONArray) value).length(); place++) {
                parts.add(plain(((JSONArray) value).get(place)));
            }
        } else if (value instanceof List) {
            for (Object one : (List<?>) value) {
                parts.add(plain(one));
            }
        } else if (value instanceof JSONObject) {
            Map<String, String> sorted = new TreeMap<>();
            for (Iterator<?> keys = ((JSONObject) value).keys(); keys.hasNext(); ) {
                String key = (String) keys.next();
                sorted.put(key, plain(((JSONObject) value).get(key)));
            }
            return sorted.toString();
        } else {
            return value == null || value == JSONObject.NULL ? "null" : value.getClass().getSimpleName() + ":" + value;
        }
        return parts.toString();
    }

    static void equal(Object is, Object wanted) throws Exception {
        String left = plain(is);
        String right = plain(wanted);
        if (!left.equals(right)) {
            throw new AssertionError(left.substring(0, Math.min(300, left.length())) + " instead of " + right);
        }
    }

    static List<Object> list(Object... values) {
        List<Object> list = new ArrayList<>();
        Collections.addAll(list, values);
        return list;
    }

    /** A socket, what it heard, and what became of it. */
    static class Client {
        final Socket socket;
        final List<List<Object>> heard = Collections.synchronizedList(new ArrayList<>());
        final List<Object> log = Collections.synchronizedList(new ArrayList<>());

        Client(Socket socket) {
            this.socket = socket;
            socket.onAnyIncoming(event -> heard.add(list(event)));
            socket.on(Socket.EVENT_CONNECT, none -> log.add("connect"));
            socket.on(Socket.EVENT_DISCONNECT, reason -> log.add(reason[0]));
            socket.on(Socket.EVENT_CONNECT_ERROR, error -> log.add(error[0]));
            opened.add(this);
        }

        Client in() throws Exception {
            socket.connect();
            until("connected", () -> socket.connected() || !log.isEmpty());
            if (!socket.connected()) {
                throw new AssertionError("refused: " + log.get(0));
            }
            return this;
        }

        /** What the server says instead of letting it in. */
        JSONObject refusal() throws Exception {
            socket.connect();
            until("an answer", () -> !log.isEmpty());
            return (JSONObject) log.get(0);
        }

        Object ask(String name, Object... args) throws Exception {
            Object[][] answer = {null};
            socket.emit(name, args, (Ack) values -> answer[0] = values);
            until("answer to " + name, () -> answer[0] != null);
            return answer[0].length > 0 ? answer[0][0] : null;
        }

        boolean asked(String name, Object... args) throws Exception {
            return ((JSONObject) ask(name, args)).getBoolean("ok");
        }

        List<List<Object>> all(String name) {
            List<List<Object>> found = new ArrayList<>();
            synchronized (heard) {
                for (List<Object> event : heard) {
                    if (event.get(0).equals(name)) {
                        found.add(event);
                    }
                }
            }
            return found;
        }

        List<Object> hears(String name) throws Exception {
            until("hears " + name, () -> !all(name).isEmpty());
            return all(name).get(0);
        }

        long connects() {
            synchronized (log) {
                return log.stream().filter("connect"::equals).count();
            }
        }
    }

    static IO.Options options(boolean reconnects, String... auth) {
        IO.Options options = new IO.Options();
        options.forceNew = true;
        options.transports = transport.equals("upgrade") ? new String[] {"polling", "websocket"} : new String[] {transport};
        options.reconnection = reconnects;
        options.reconnectionDelay = 50;
        options.reconnectionDelayMax = 200;
        options.auth = new HashMap<>();
        options.auth.put("pass", PASS);
        for (int place = 0; place + 1 < auth.length; place += 2) {
            options.auth.put(auth[place], auth[place + 1]);
        }
        return options;
    }

    static Client socket(String where, IO.Options options) {
        return new Client(IO.socket(URI.create(where), options));
    }

    static Client game() throws Exception {
        return socket(url + "/game", options(false)).in();
    }

    static Client chat(String... auth) throws Exception {
        return socket(url + "/", options(false, auth)).in();
    }

    static Client beside(Client one, String namespace) throws Exception {
        return new Client(one.socket.io().socket(namespace, options(false))).in();
    }

    static void comeBack(Client client) throws Exception {
        cut();
        until("back", () -> client.socket.connected() && client.connects() > 1);
    }

    static Map<String, Body> checks(Client idle, long since) throws Exception {
        String idleId = idle.socket.id();
        Map<String, Body> checks = new LinkedHashMap<>();
        checks.put("connect", () -> {
            String[] now = {null};
            Client one = socket(url + "/game", options(false));
            one.socket.io().on("transport", args -> {
                io.socket.engineio.client.Transport made = (io.socket.engineio.client.Transport) args[0];
                now[0] = made.name;
                made.on("open", none -> now[0] = made.name);
            });
            one.in();
            String wanted = transport.equals("upgrade") ? "websocket" : transport;
            until(wanted, () -> wanted.equals(now[0]));
            one.ask("still here");
        });
        checks.put("hello", () -> {
            JSONObject welcome = (JSONObject) chat("nick", "ada").hears("welcome").get(1);
            equal(welcome.get("nick"), "ada");
        });
        checks.put("ack", () -> {
            Client one = chat();
            JSONObject answer = (JSONObject) one.ask("message", "hello");
            equal(list(answer.get("ok"), answer.getLong("seq") > 0), list(true, true));
            JSONObject no = (JSONObject) one.ask("message", new JSONObject().put("room", "nowhere").put("text", "x"));
            equal(list(no.get("ok"), no.get("code")), list(false, "not_a_member"));
        });
        checks.put("broadcast", () -> {
            Client one = chat("nick", "ada");
            Client other = chat("nick", "bob");
            one.socket.emit("message", "hello é😀");
            JSONObject message = (JSONObject) other.hears("message").get(1);
            equal(list(message.get("text"), message.getJSONObject("from").get("nick")), list("hello é😀", "ada"));
        });
        checks.put("arguments", () -> {
            Client one = game();
            Client other = game();
            JSONObject object = new JSONObject().put("a", new JSONObject().put("b", JSONObject.NULL)).put("ключ", "значение");
            Object[] every = {
                JSONObject.NULL, true, false, 0, -1.5, 1e21, 9007199254740991L, "", "é😀\u0001\"\\",
                new JSONArray(), new JSONArray("[1, [2]]"), new JSONObject(), object
            };
            one.ask("all", every);
            List<Object> wanted = list((Object) "all");
            Collections.addAll(wanted, every);
            equal(other.hears("all"), wanted);
        });
        checks.put("bytes", () -> {
            Client one = game();
            Client other = game();
            byte[] every = new byte[256];
            for (int place = 0; place < 256; place++) {
                every[place] = (byte) place;
            }
            one.socket.emit("bytes", (Object) every);
            equal(other.hears("bytes"), list("bytes", every));
        });
        checks.put("nested", () -> {
            Client one = game();
            Client other = game();
            byte[] first = {0, (byte) 255};
            Callable<JSONObject> nested = () -> new JSONObject()
                .put("a", new JSONArray().put((Object) new byte[] {1, 2}).put(new JSONObject().put("b", new byte[0])));
            one.ask("nested", first, nested.call(), "end");
            equal(other.hears("nested"), list("nested", first, nested.call(), "end"));
        });
        checks.put("rooms", () -> {
            Client one = game();
            Client other = game();
            Client third = game();
            equal(list(one.asked("join", "red"), other.asked("join", "red")), list(true, true));
            equal(one.asked("to", "red", "team", 1), true);
            equal(other.hears("team"), list("team", 1));
            equal(other.asked("leave", "red"), true);
            one.ask("to", "red", "team", 2);
            one.ask("last");
            other.hears("last");
            third.hears("last");
            equal(list(other.all("team").size(), third.all("team").size()), list(1, 0));
        });
        checks.put("direct", () -> {
            Client one = game();
            Client other = game();
            Client third = game();
            equal(one.asked("to", other.socket.id(), "whisper", "x"), true);
            equal(other.hears("whisper"), list("whisper", "x"));
            one.ask("last");
            third.hears("last");
            equal(third.all("whisper"), list());
        });
        checks.put("namespaces", () -> {
            Client chat = chat();
            Client game = beside(chat, "/game");
            game().ask("move", 1);
            equal(game.hears("move"), list("move", 1));
            equal(chat.all("move"), list());
        });
        checks.put("part", () -> {
            Client chat = chat();
            beside(chat, "/game").socket.disconnect();
            equal(chat.asked("message", "still here"), true);
        });
        checks.put("unknown", () -> {
            equal(socket(url + "/unknown", options(false)).refusal().get("message"), "Invalid namespace");
        });
        checks.put("refused", () -> {
            JSONObject error = socket(url + "/", options(false, "pass", "wrong")).refusal();
            equal(error.get("message"), "that is not the join code");
            equal(error.getJSONObject("data").get("code"), "pass_wrong");
        });
        checks.put("exact", () -> {
            Client one = game();
            Client other = game();
            Client listener = chat();
            one.ask("one");
            one.ask("two", 2);
            one.ask("three", new JSONObject("{\"x\": []}"), "a string");
            one.ask("four", "");
            other.hears("four");
            List<Object> three = list("three", new JSONObject("{\"x\": []}"), "a string");
            equal(other.heard, list(list((Object) "one"), list("two", 2), three, list("four", "")));
            chat("nick", "eve").ask("message", "x");
            listener.hears("message");
            List<Object> heard = new ArrayList<>();
            for (List<Object> event : listener.heard) {
                heard.add(list(event.get(0), event.size(), event.get(1) instanceof JSONObject));
            }
            equal(heard, list(list("welcome", 2, true), list("joined", 2, true), list("message", 2, true)));
        });
        checks.put("large", () -> {
            Client one = game();
            Client other = game();
            String text = "0123456789abcdef".repeat(53_000) + "é";
            one.ask("large", text);
            equal(other.hears("large").get(1).equals(text), true);
        });
        checks.put("order", () -> {
            Client one = game();
            Client other = game();
            List<Object> wanted = new ArrayList<>();
            for (int number = 0; number < 100; number++) {
                one.socket.emit("count", number);
                wanted.add(list("count", number));
            }
            until("all of them", () -> other.all("count").size() >= 100);
            one.ask("last");
            equal(other.all("count"), wanted);
        });
        checks.put("reconnect", () -> {
            Client one = socket(cuttable + "/game", options(true)).in();
            Client other = game();
            one.ask("before");
            comeBack(one);
            one.ask("after");
            other.hears("after");
            other.ask("back", 1);
            equal(one.hears("back").subList(0, 2), list("back", 1));
        });
        checks.put("kicked", () -> {
            Client one = chat();
            one.socket.emit("quit");
            until("told", () -> one.log.size() > 1);
            equal(one.log, list("connect", "io server disconnect"));
        });
        checks.put("leaving", () -> {
            Client one = chat("nick", "ada");
            Client other = chat();
            one.socket.disconnect();
            until("told", () -> one.log.size() > 1);
            equal(one.log, list("connect", "io client disconnect"));
            equal(((JSONObject) other.hears("left").get(1)).getJSONObject("from").get("nick"), "ada");
        });
        checks.put("names", () -> {
            Client one = socket(recovering + "/game", options(false)).in();
            Client other = socket(recovering + "/game", options(false)).in();
            one.ask("one");
            one.ask("two", 2);
            other.hears("two");
            List<Object> names = new ArrayList<>();
            for (List<Object> event : other.heard) {
                names.add(event.get(0));
            }
            equal(names, list("one", "two"));
        });
        checks.put("recovered", () -> {
            throw new AssertionError("the client has no recovery");
        });
        checks.put("heartbeat", () -> {
            Thread.sleep(Math.max(0, since + HEARTBEATS - System.currentTimeMillis()));
            equal(list(idle.socket.connected(), idle.socket.id(), idle.log), list(true, idleId, list((Object) "connect")));
            idle.ask("still here");
            idle.socket.disconnect();
        });
        return checks;
    }

    public static void main(String[] words) throws Exception {
        transport = words[0];
        url = words[1];
        cuttable = words[2];
        recovering = words[3];
        answers = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Client idle = game();
        for (Map.Entry<String, Body> check : checks(idle, System.currentTimeMillis()).entrySet()) {
            opened.clear();
            JSONObject line = new JSONObject().put("check", check.getKey());
            try {
                check.getValue().run();
                line.put("ok", true);
            } catch (Exception | AssertionError error) {
                line.put("ok", false).put("why", String.valueOf(error.getMessage()));
            }
            report(line);
            for (Client client : opened) {
                client.socket.disconnect();
            }
        }
        System.exit(0);
    }
}
