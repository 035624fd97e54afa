// What a browser does between the request and the answer: it follows redirects, keeps cookies and
// sends forms.

import assert from 'node:assert/strict';

// More steps than any way through the pages has.
const STEPS = 20;

export class Browser {
  #cookies = new Map();
  #username;
  #password;
  #code;

  constructor(username, password, code) {
    this.#username = username;
    this.#password = password;
    this.#code = code;
  }

  // Goes to `start` and through whatever page comes, until it is sent to `target`: where to exactly.
  async walk(start, target) {
    let here = new URL(start);
    let answer = await this.#call(here);
    for (let step = 0; step < STEPS; step += 1) {
      if (answer.status >= 300 && answer.status < 400) {
        here = new URL(answer.headers.get('location'), here);
        if (here.href.startsWith(target)) return here;
        answer = await this.#call(here);
        continue;
      }
      const page = await answer.text();
      assert.equal(answer.status, 200, `${here} answers ${answer.status}: ${page}`);
      const filled = this.#fill(page);
      assert.ok(filled, `no form that somebody could send at ${here}: ${page}`);
      const origin = here.origin;
      here = new URL(filled.action, here);
      answer = await this.#call(here, { method: 'POST', body: filled.fields, origin });
    }
    throw new Error(`still not at ${target} after ${STEPS} steps, but at ${here}`);
  }

  async #call(url, { method = 'GET', body, origin } = {}) {
    const headers = { accept: 'text/html' };
    if (this.#cookies.size > 0) {
      headers.cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    }
    if (origin) headers.origin = origin;
    const answer = await fetch(url, { method, body, headers, redirect: 'manual' });
    for (const field of answer.headers.getSetCookie()) {
      const [, name, value] = field.match(/^([^=]+)=([^;]*)/);
      const expires = field.match(/;\s*expires=([^;]+)/i);
      const over = /;\s*max-age=0/i.test(field) || (expires && new Date(expires[1]) < new Date());
      if (over) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    return answer;
  }

  // The form that can be sent: its action and its fields, filled in.
  #fill(page) {
    for (const [, opening, inside] of page.matchAll(/<form\b([^>]*)>(.*?)<\/form>/gs)) {
      const inputs = [...inside.matchAll(/<input\b([^>]*)>/gs)].map(([, tag]) => tag);
      const has = (name) => inputs.some((tag) => attribute(tag, 'name') === name);
      const fields = new URLSearchParams();
      for (const tag of inputs) {
        if (attribute(tag, 'type') !== 'hidden') continue;
        fields.append(attribute(tag, 'name'), attribute(tag, 'value') ?? '');
      }
      const agreed = [...inside.matchAll(/<button\b([^>]*)>/gs)]
        .map(([, tag]) => tag)
        .find((tag) => attribute(tag, 'name') === 'decision' && attribute(tag, 'value') !== 'deny');
      if (has('password')) {
        fields.append('username', this.#username);
        fields.append('password', this.#password);
      } else if (has('code') && this.#code) {
        fields.append('code', this.#code);
        this.#code = undefined;
      } else if (agreed) {
        fields.append('decision', attribute(agreed, 'value'));
      } else {
        continue;
      }
      return { action: attribute(opening, 'action') ?? '', fields };
    }
    return undefined;
  }
}

function attribute(tag, name) {
  const value = tag.match(new RegExp(`\\s${name}="([^"]*)"`))?.[1];
  const plain = { '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#34;': '"', '&#39;': "'" };
  return value
    ?.replace(/&(lt|gt|quot|#34|#39);/g, (entity) => plain[entity])
    .replace(/&(amp|#38);/g, '&');
}
