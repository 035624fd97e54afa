package client;

import java.net.CookieManager;
import java.net.CookiePolicy;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Somebody at a browser, which follows redirects, keeps cookies and sends forms. */
final class Browser {
    /** More steps than any way through the pages has. */
    private static final int STEPS = 20;

    private static final Pattern FORM = pattern("<form\\b([^>]*)>(.*?)</form>");
    private static final Pattern INPUT = pattern("<input\\b([^>]*)>");
    private static final Pattern BUTTON = pattern("<button\\b([^>]*)>");
    private static final Pattern ATTRIBUTE = pattern("\\s([a-z-]+)=\"([^\"]*)\"");

    private final CookieManager cookies = new CookieManager(null, CookiePolicy.ACCEPT_ALL);
    private final HttpClient http =
            HttpClient.newBuilder()
                    .cookieHandler(cookies)
                    .followRedirects(HttpClient.Redirect.NEVER)
                    .build();
    private final String username;
    private final String password;
    private String code;

    Browser(String username, String password, String code) {
        this.username = username;
        this.password = password;
        this.code = code == null ? "" : code;
    }

    private record Filled(String action, List<Map.Entry<String, String>> fields) {}

    /**
     * Goes to {@code start} and through whatever page comes, until it is sent to {@code target}:
     * where to exactly.
     */
    URI walk(URI start, URI target) throws Exception {
        URI here = start;
        HttpResponse<String> answer = call(HttpRequest.newBuilder(here).GET());
        for (int step = 0; step < STEPS; step++) {
            if (answer.statusCode() >= 300 && answer.statusCode() < 400) {
                here = here.resolve(answer.headers().firstValue("location").orElseThrow());
                if (here.toString().startsWith(target.toString())) {
                    return here;
                }
                answer = call(HttpRequest.newBuilder(here).GET());
                continue;
            }
            String said = here + " answers " + answer.statusCode() + ": " + answer.body();
            Client.check(answer.statusCode() == 200, said);
            Filled filled = fill(answer.body());
            Client.check(filled != null, "no form that somebody could send: " + said);
            String origin = here.getScheme() + "://" + here.getAuthority();
            // An empty action is the page itself, which URI.resolve does not know.
            here = filled.action().isEmpty() ? here : here.resolve(filled.action());
            answer =
                    call(
                            HttpRequest.newBuilder(here)
                                    .header("content-type", "application/x-www-form-urlencoded")
                                    .header("origin", origin)
                                    .POST(HttpRequest.BodyPublishers.ofString(
                                            encoded(filled.fields()))));
        }
        throw new IllegalStateException("still not at " + target + ", but at " + here);
    }

    private HttpResponse<String> call(HttpRequest.Builder request) throws Exception {
        HttpResponse<String> answer =
                http.send(
                        request.header("accept", "text/html").build(),
                        HttpResponse.BodyHandlers.ofString());
        // Java takes a cookie with an age for one of RFC 2965 and quotes it; no browser does.
        cookies.getCookieStore().getCookies().forEach(cookie -> cookie.setVersion(0));
        return answer;
    }

    /** The form that can be sent: its action and its fields, filled in. */
    private Filled fill(String page) {
        for (Matcher form = FORM.matcher(page); form.find(); ) {
            List<Map<String, String>> inputs = tags(INPUT, form.group(2));
            List<Map.Entry<String, String>> fields = new ArrayList<>();
            inputs.stream()
                    .filter(one -> "hidden".equals(one.get("type")))
                    .forEach(one -> fields.add(
                            Map.entry(one.get("name"), one.getOrDefault("value", ""))));
            List<String> names = inputs.stream().map(one -> one.getOrDefault("name", "")).toList();
            var agreed =
                    tags(BUTTON, form.group(2)).stream()
                            .filter(one -> "decision".equals(one.get("name")))
                            .map(one -> one.getOrDefault("value", ""))
                            .filter(value -> !value.equals("deny"))
                            .findFirst();
            if (names.contains("password")) {
                fields.add(Map.entry("username", username));
                fields.add(Map.entry("password", password));
            } else if (names.contains("code") && !code.isEmpty()) {
                fields.add(Map.entry("code", code));
                code = "";
            } else if (agreed.isPresent()) {
                fields.add(Map.entry("decision", agreed.get()));
            } else {
                continue;
            }
            return new Filled(attributes(form.group(1)).getOrDefault("action", ""), fields);
        }
        return null;
    }

    private static List<Map<String, String>> tags(Pattern tag, String text) {
        return tag.matcher(text).results().map(found -> attributes(found.group(1))).toList();
    }

    private static Map<String, String> attributes(String tag) {
        Map<String, String> found = new HashMap<>();
        for (Matcher one = ATTRIBUTE.matcher(tag); one.find(); ) {
            found.put(one.group(1), unescaped(one.group(2)));
        }
        return found;
    }

    private static String unescaped(String text) {
        return text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#34;", "\"")
                .replace("&#39;", "'")
                .replace("&#38;", "&")
                .replace("&amp;", "&");
    }

    private static String encoded(List<Map.Entry<String, String>> fields) {
        return fields.stream()
                .map(field -> encoded(field.getKey()) + "=" + encoded(field.getValue()))
                .collect(Collectors.joining("&"));
    }

    private static String encoded(String text) {
        return URLEncoder.encode(text, StandardCharsets.UTF_8);
    }

    private static Pattern pattern(String text) {
        return Pattern.compile(text, Pattern.DOTALL);
    }
}
