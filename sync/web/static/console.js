// What the console does beside htmx: keys, and whether what is shown is still so. Every page works without it.
'use strict';
(() => {
  const find = (id) => document.getElementById(id);
  const KEPT = 'tieline-single-keys';

  // A browser has six connections to a host over HTTP/1.1, and a page without one hangs: of its tabs three hold a stream,
  // whoever finds none free opens one for a moment, over and over, and one that nobody sees asks for nothing.
  const SLOTS = 3;
  const AGAIN = 5000;
  function slot(name) {
    return new Promise((resolve) => navigator.locks.request(name, { ifAvailable: true }, (lock) => (
      lock ? new Promise((release) => resolve(release)) : resolve(null)
    )).catch(() => resolve(null)));
  }
  class Stream extends EventTarget {
    constructor(url) {
      super();
      this.url = url;
      this.readyState = EventSource.CONNECTING;
      this.kinds = new Set();
      this.turn = 0;
      this.seen = () => this.begin();
      document.addEventListener('visibilitychange', this.seen);
      this.begin();
    }
    addEventListener(kind, told) {
      super.addEventListener(kind, told);
      if (!this.kinds.has(kind)) { this.kinds.add(kind); if (this.source) this.pass(kind); }
    }
    pass(kind) {
      this.source.addEventListener(kind, (event) => this.dispatchEvent(new MessageEvent(kind, { data: event.data })));
    }
    pause() {
      this.turn += 1;
      clearTimeout(this.later);
      if (this.source) this.source.close();
      if (this.release) this.release();
      this.source = this.release = null;
    }
    async begin() {
      this.pause();
      const turn = this.turn;
      if (document.hidden || this.readyState === EventSource.CLOSED) return;
      for (let number = 0; navigator.locks && !this.release && number < SLOTS; number += 1) {
        const release = await slot(`tieline-stream-${number}`);
        if (turn !== this.turn) { if (release) release(); return; }
        this.release = release;
      }
      this.open();
    }
    open() {
      const source = this.source = new EventSource(this.url, { withCredentials: true });
      source.onopen = (event) => { this.readyState = source.readyState; if (this.onopen) this.onopen(event); };
      source.onerror = (event) => {
        if (source.readyState === EventSource.CLOSED) this.close();
        this.readyState = source.readyState;
        if (this.onerror) this.onerror(event);
      };
      this.kinds.forEach((kind) => this.pass(kind));
      // The time is what each look ends with.
      if (!this.release) source.addEventListener('asof', () => { this.pause(); this.later = setTimeout(this.seen, AGAIN); });
    }
    close() {
      this.pause();
      this.readyState = EventSource.CLOSED;
      document.removeEventListener('visibilitychange', this.seen);
    }
  }
  htmx.createEventSource = (url) => new Stream(url);

  // Whether the stream is heard. Said aloud only when that changes.
  const live = find('live');
  function tell(state, words, aloud) {
    if (!live) return;
    live.classList.toggle('live--lost', state === 'lost');
    find('live-words').textContent = words;
    if (find('live-said').textContent !== aloud) find('live-said').textContent = aloud;
  }
  document.body.addEventListener('htmx:sseOpen', () => tell('live', 'As of', ''));
  document.body.addEventListener('htmx:sseError', () => tell('lost', 'Lost; as of', 'The connection is lost. What you see is no longer kept up to date.'));
  document.body.addEventListener('htmx:sseClose', (event) => {
    if (event.detail && event.detail.type === 'message') tell('lost', 'Ended; as of', 'This page is no longer kept up to date. Load it again.');
  });
  // What is drawn anew takes no focus: it stays on what it was on, and what is the same as before is not touched.
  const drawn = new Map();
  let focused = null;
  document.body.addEventListener('htmx:sseBeforeMessage', (event) => {
    const { type, data } = event.detail;
    if (drawn.get(type) === data) { event.preventDefault(); tell('live', 'As of', ''); return; }
    drawn.set(type, data);
    const active = document.activeElement;
    focused = event.target.contains(active) && active.getAttribute('href') ? active.getAttribute('href') : null;
  });
  document.body.addEventListener('htmx:sseMessage', (event) => {
    tell('live', 'As of', '');
    if (focused) {
      const again = event.target.querySelector(`[href="${CSS.escape(focused)}"]`);
      if (again) again.focus({ preventScroll: true });
      focused = null;
    }
    if (event.detail.type === 'moved') find('moved').hidden = event.detail.data !== 'yes';
  });

  // Single keys can be switched off, and say nothing while somebody writes (WCAG 2.1.4).
  const button = find('single-keys');
  const off = () => { try { return localStorage.getItem(KEPT) === 'off'; } catch { return false; } };
  function name() { if (button) button.textContent = off() ? 'Single keys: off' : 'Single keys: on'; }
  if (button) {
    button.hidden = false;
    button.addEventListener('click', () => { try { localStorage.setItem(KEPT, off() ? 'on' : 'off'); } catch { /* not kept */ } name(); });
    name();
  }

  const keys = find('keys');
  document.querySelectorAll('[data-opens="keys"]').forEach((one) => one.addEventListener('click', (event) => {
    event.preventDefault();
    if (keys) keys.showModal();
  }));

  const writes = (place) => place.closest('input, textarea, select, [contenteditable]') !== null;
  function step(by) {
    const rows = [...document.querySelectorAll('main .list-title')];
    if (!rows.length) return;
    const at = rows.indexOf(document.activeElement);
    rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))].focus();
  }

  let after = '';
  document.addEventListener('keydown', (event) => {
    const place = event.target;
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey) && place.form) { event.preventDefault(); place.form.requestSubmit(); return; }
    if (event.key === 'Escape') {
      const open = document.querySelector('details.pop[open]');
      if (open) { open.open = false; open.querySelector('summary').focus(); }
      return;
    }
    if (off() || event.ctrlKey || event.metaKey || event.altKey || writes(place) || document.querySelector('dialog[open]')) return;
    if (after === 'g') {
      after = '';
      const there = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
      if (there) { event.preventDefault(); there.click(); }
      return;
    }
    const marked = /^[a-z0-9]$/.test(event.key) ? document.querySelector(`main [data-press="${event.key}"]`) : null;
    if (marked) { event.preventDefault(); marked.click(); if (marked.dataset.focus) find(marked.dataset.focus).focus(); return; }
    switch (event.key) {
      case 'g': after = 'g'; setTimeout(() => { after = ''; }, 1500); break;
      case 'j': step(1); break;
      case 'k': step(-1); break;
      case '/': { const box = document.querySelector('[type="search"]'); if (box) { event.preventDefault(); box.focus(); } break; }
      case '.': { const moved = find('moved'); if (moved && !moved.hidden) location.reload(); break; }
      case '?': if (keys) keys.showModal(); break;
    }
  });

  document.addEventListener('click', (event) => {
    document.querySelectorAll('details.pop[open]').forEach((one) => { if (!one.contains(event.target)) one.open = false; });
  });
})();
