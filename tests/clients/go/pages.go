package main

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
)

// More steps than any way through the pages has.
const steps = 20

var (
	form      = regexp.MustCompile(`(?s)<form\b([^>]*)>(.*?)</form>`)
	input     = regexp.MustCompile(`(?s)<input\b([^>]*)>`)
	button    = regexp.MustCompile(`(?s)<button\b([^>]*)>`)
	attribute = regexp.MustCompile(`\s([a-z-]+)="([^"]*)"`)
)

// Somebody at a browser, which follows redirects, keeps cookies and sends forms.
type browser struct {
	http                     *http.Client
	username, password, code string
}

func newBrowser(username, password, code string) (*browser, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	client := &http.Client{
		Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
	return &browser{client, username, password, code}, nil
}

// Goes to start and through whatever page comes, until it is sent to target: where to exactly.
func (b *browser) walk(start, target string) (*url.URL, error) {
	here, err := url.Parse(start)
	if err != nil {
		return nil, err
	}
	var filled url.Values
	origin := ""
	for range steps {
		answer, page, err := b.call(here, filled, origin)
		if err != nil {
			return nil, err
		}
		filled, origin = nil, ""
		if answer.StatusCode >= 300 && answer.StatusCode < 400 {
			here, err = here.Parse(answer.Header.Get("Location"))
			if err != nil {
				return nil, err
			}
			if strings.HasPrefix(here.String(), target) {
				return here, nil
			}
			continue
		}
		if answer.StatusCode != http.StatusOK {
			return nil, fmt.Errorf("%s answers %d: %s", here, answer.StatusCode, page)
		}
		action, fields := b.fill(page)
		if fields == nil {
			return nil, fmt.Errorf("no form that somebody could send at %s: %s", here, page)
		}
		filled, origin = fields, here.Scheme+"://"+here.Host
		here, err = here.Parse(action)
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("still not at %s after %d steps, but at %s", target, steps, here)
}

func (b *browser) call(to *url.URL, filled url.Values, origin string) (*http.Response, string, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if filled != nil {
		method, body = http.MethodPost, strings.NewReader(filled.Encode())
	}
	request, err := http.NewRequest(method, to.String(), body)
	if err != nil {
		return nil, "", err
	}
	request.Header.Set("Accept", "text/html")
	if filled != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		request.Header.Set("Origin", origin)
	}
	answer, err := b.http.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	return answer, string(page), err
}

// The form that can be sent: its action and its fields, filled in.
func (b *browser) fill(page string) (string, url.Values) {
	for _, found := range form.FindAllStringSubmatch(page, -1) {
		opening, inside := found[1], found[2]
		fields, names := url.Values{}, map[string]bool{}
		for _, tag := range input.FindAllStringSubmatch(inside, -1) {
			own := attributes(tag[1])
			names[own["name"]] = true
			if own["type"] == "hidden" {
				fields.Add(own["name"], own["value"])
			}
		}
		agreed := ""
		for _, tag := range button.FindAllStringSubmatch(inside, -1) {
			own := attributes(tag[1])
			if own["name"] == "decision" && own["value"] != "deny" && agreed == "" {
				agreed = own["value"]
			}
		}
		switch {
		case names["password"]:
			fields.Set("username", b.username)
			fields.Set("password", b.password)
		case names["code"] && b.code != "":
			fields.Set("code", b.code)
			b.code = ""
		case agreed != "":
			fields.Set("decision", agreed)
		default:
			continue
		}
		return attributes(opening)["action"], fields
	}
	return "", nil
}

func attributes(tag string) map[string]string {
	found := map[string]string{}
	for _, one := range attribute.FindAllStringSubmatch(tag, -1) {
		found[one[1]] = html.UnescapeString(one[2])
	}
	return found
}
