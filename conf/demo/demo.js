// The page of the demo: one EventSource, whose events are drawn on the map and
// move over the board.

import { CityMap } from './map.js';


const STREAM = 'day';           // both topics, the event's name is the topic
const AWAY_MS = 3000;           // how long a dropped connection stays away
const BEHIND_MS = 380;          // the map shows the city as it was then
const DELIVERED = 12;           // orders kept in the last column

const STAGES = { placed: 'placed', cooking: 'cooking', ready: 'cooking',
                 picked_up: 'riding', delivered: 'delivered' };

const $ = id => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');


// What a test, or a curious person, may look at

const demo = window.demo = {
    state: 'connecting',
    events: 0,                  // records received
    orders: 0,
    couriers: 0,
    missed: 0,                  // numbers that never came
    repeated: 0,                // numbers that came twice
    opened: 0,                  // connections
    resumed: 0,                 // of them, those that went on from an id
    resets: 0,                  // times the server said that records are gone
    lastEventId: '',
    drop
};


let map;
let source;
let day = null;                 // which run of the feed this is


/* The stream */


function connect(id)
{
    // a new EventSource has no Last-Event-ID header to send: it says it so

    const url = id ? STREAM + '?lastEventId=' + encodeURIComponent(id) : STREAM;

    source = new EventSource(url);

    source.onopen = opened;
    source.onerror = lost;
    source.addEventListener('orders', event => record(event, order));
    source.addEventListener('couriers', event => record(event, courier));
    source.addEventListener('stream-reset', reset);
}


function opened()
{
    demo.opened++;
    show('open', 'connected');

    if (away) {
        demo.resumed++;
        away.back = performance.now();
        setTimeout(tellAway, 1200, away);
    }
}


// the browser itself comes back, with the header Last-Event-ID

function lost()
{
    if (source.readyState === EventSource.CLOSED) {
        show('dropped', 'refused: see the log of nginx');
        setTimeout(connect, 5000, demo.lastEventId);
    } else {
        show('connecting', demo.opened ? 'connection lost, coming back'
                                       : 'connecting');
    }

    if (demo.opened && (!away || away.back)) {
        away = leave(false);
    }
}


function drop()
{
    if (demo.state !== 'open') {
        return;
    }

    source.close();
    away = leave(true);

    let left = AWAY_MS / 1000;

    const count = () => {
        if (left === 0) {
            show('connecting', 'coming back');
            connect(demo.lastEventId);
            return;
        }

        show('dropped', `dropped, back in ${left} s`);
        left--;
        setTimeout(count, 1000);
    };

    count();
}


function reset(event)
{
    demo.resets++;
    numbers.clear();
    $('told').textContent = 'The server says that some records are gone for '
                            + 'good: ' + event.data;
    took(event);
}


function took(event)
{
    if (event.lastEventId) {
        demo.lastEventId = event.lastEventId;
    }
}


/* Nothing missed, nothing twice: each lane of a topic counts its records */


const numbers = new Map();

function record(event, handler)
{
    const value = JSON.parse(event.data);
    const lane = `${value.day} ${event.type} ${value.lane}`;
    const last = numbers.get(lane);

    took(event);
    tail(event);
    demo.events++;
    demo[event.type]++;
    rate.count++;

    if (last === undefined || value.n > last) {
        if (last !== undefined) {
            demo.missed += value.n - last - 1;
        }

        numbers.set(lane, value.n);

    } else {
        demo.repeated++;
    }

    if (value.day !== day) {
        begin(value.day);
    }

    clock.heard(value.t);

    if (away && value.t + clock.offset < (away.back || Infinity)) {
        away.records++;
    }

    handler(value);
}


function begin(which)
{
    day = which;
    clock.restart();

    for (const id of orders.keys()) {
        remove(id);
    }

    for (const known of map.couriers.values()) {
        known.samples.length = 0;
        known.group.remove();
        known.trail.remove();
    }

    map.couriers.clear();
}


/* While the connection was away */


let away = null;

function leave(asked)
{
    return { asked, since: performance.now(), back: 0, records: 0,
             missed: demo.missed, repeated: demo.repeated };
}


function tellAway(was)
{
    const seconds = ((was.back - was.since) / 1000).toFixed(1);
    const missed = demo.missed - was.missed;
    const repeated = demo.repeated - was.repeated;

    if (away !== was) {
        return;
    }

    away = null;

    $('told').replaceChildren(
        `Away for ${seconds} s. `,
        bold(`${was.records} records`), ' were made in the meantime: ',
        bold(`${missed} missed, ${repeated} twice.`));
}


function bold(what)
{
    const b = document.createElement('b');

    b.textContent = what;
    return b;
}


/* Time: the feed's, in ms since its start */


const clock = {
    offset: Infinity,           // ours minus the feed's, at the fastest record
    newest: 0,
    view: 0,                    // what the map shows
    minute: null,               // [t, minute of the day]

    restart()
    {
        this.offset = Infinity;
        this.newest = this.view = 0;
        this.minute = null;
    },

    heard(t)
    {
        this.offset = Math.min(this.offset, performance.now() - t);
        this.newest = Math.max(this.newest, t);
    },

    // Time goes on as long as records come.  After a break the map shows what
    // it missed, but faster.

    step(ms)
    {
        const now = Math.min(performance.now() - this.offset - BEHIND_MS,
                             this.newest);
        const behind = now - this.view;

        if (!Number.isFinite(now)) {
            return;
        }

        if (this.view === 0 || behind > 20000) {
            this.view = now;

        } else if (behind > 0) {
            this.view += Math.min(behind, ms * (1 + behind / 400));
        }
    }
};


let frameAt = 0;

function frame(now)
{
    clock.step(Math.min(now - frameAt, 100));
    frameAt = now;

    map.draw(clock.view, doing);
    requestAnimationFrame(frame);
}


// what a courier with this order is doing

function doing(id)
{
    if (!id) {
        return 'free';
    }

    const known = orders.get(id);

    return known && known.record.stage === 'riding' ? 'riding' : 'called';
}


function minuteOf(at)
{
    const [hours, minutes] = at.split(':');

    return hours * 60 + +minutes;
}


/* The board */


const orders = new Map();       // id: { record, card }

function order(value)
{
    const stage = STAGES[value.status];

    if (!stage) {
        return;
    }

    value.stage = stage;
    clock.minute = [value.t, minuteOf(value.at)];

    let known = orders.get(value.order);

    if (!known) {
        known = { card: card(), record: null };
        known.card.onmouseenter = () => map.light(known.record);
        known.card.onmouseleave = () => map.light(null);
        orders.set(value.order, known);
    }

    const moves = !known.record || known.record.stage !== stage;

    known.record = value;
    fill(known);
    map.order(value);

    if (moves) {
        move(known.card, $(stage));
        count();
    }

    if (stage === 'delivered') {
        delivered++;
        setTimeout(() => map.forgetOrder(value.order), 3500);

        while ($('delivered').children.length > DELIVERED) {
            remove($('delivered').lastElementChild.dataset.order);
        }
    }
}


function courier(value)
{
    map.courier(value);
}


let delivered = 0;

function card()
{
    const li = document.createElement('li');

    for (const name of ['dish', 'age', 'way', 'by']) {
        const span = document.createElement('span');

        span.className = name;
        li.append(span);
        li[name] = span;
    }

    return li;
}


function fill(known)
{
    const { card: li, record: value } = known;
    const ready = value.status === 'ready';

    li.className = 'order ' + value.stage + (ready ? ' ready' : '');
    li.dataset.order = value.order;
    li.dish.textContent = value.dish;
    li.way.textContent = `${value.restaurant} → ${value.street}`;
    li.by.textContent = ready ? 'ready' : value.courier || '';
    li.title = `${value.order}: ${value.dish}, ${value.restaurant}, `
               + `to ${value.street}`;
    age(known);
}


// A minute of the day is a second.  The day has twelve hours.

function age(known)
{
    const value = known.record;
    const since = value.stage === 'delivered' ? 0
                                              : (clock.newest - value.t) / 1000;
    const minutes = Math.round((minuteOf(value.at) - minuteOf(value.placed)
                                + 720) % 720 + since);

    known.card.age.textContent = minutes ? minutes + ' min' : 'now';
}


// The card, and those that make room for it, glide to their new places

function move(li, list)
{
    const still = calm.matches || document.hidden || catchingUp();
    const before = new Map();
    const old = li.parentNode;

    if (!still) {
        for (const one of [...list.children, ...old?.children || []]) {
            before.set(one, one.getBoundingClientRect());
        }
    }

    list.prepend(li);

    if (still) {
        return;
    }

    if (!old) {
        li.animate([{ opacity: 0, transform: 'translateY(-10px)' }, {}],
                   { duration: 450, easing: 'ease-out' });
    }

    for (const [one, from] of before) {
        if (one === li) {
            fly(li, from, old.getBoundingClientRect());
            continue;
        }

        const to = one.getBoundingClientRect();
        const x = from.left - to.left, y = from.top - to.top;

        if (x || y) {
            one.animate([{ transform: `translate(${x}px, ${y}px)` }, {}],
                        { duration: 500, easing: 'ease-out' });
        }
    }
}


// From column to column: a copy flies, for a column clips what is in it.  What
// was below the column's end starts there.

function fly(li, from, column)
{
    const copy = li.cloneNode(true);
    const to = li.getBoundingClientRect();
    const top = Math.min(from.top, column.bottom - to.height);

    copy.style.left = from.left + 'px';
    copy.style.top = top + 'px';
    copy.style.width = to.width + 'px';

    $('air').append(copy);
    li.style.visibility = 'hidden';

    copy.animate([{}, { transform: `translate(${to.left - from.left}px, `
                                   + `${to.top - top}px)` }],
                 { duration: 620, easing: 'cubic-bezier(.4, 0, .2, 1)' })
        .onfinish = () => {
            copy.remove();
            li.style.visibility = '';
        };
}


function catchingUp()
{
    return clock.newest - clock.view > 2000;
}


function remove(id)
{
    const known = orders.get(id);

    if (known) {
        known.card.remove();
        orders.delete(id);
        map.forgetOrder(id);
    }
}


function count()
{
    for (const stage of ['placed', 'cooking', 'riding']) {
        $('count-' + stage).textContent = $(stage).children.length;
    }

    $('count-delivered').textContent = delivered;
}


/* The panel */


function show(state, what)
{
    demo.state = state;
    $('state').dataset.state = state;
    $('state-text').textContent = what;
    $('drop').disabled = state !== 'open';
}


const rate = { count: 0, at: performance.now(), history: [] };

function second()
{
    const now = performance.now();
    const events = rate.count * 1000 / (now - rate.at);

    rate.history.push(events);
    rate.history.splice(0, rate.history.length - 60);
    rate.count = 0;
    rate.at = now;

    $('rate').textContent = Math.round(events);
    spark();

    for (const known of orders.values()) {
        age(known);
    }
}


function spark()
{
    const top = Math.max(90, ...rate.history);
    const step = 240 / 59;
    const from = 60 - rate.history.length;
    const spot = (events, i) => ((from + i) * step).toFixed(1) + ' '
                                + (42 - 38 * events / top).toFixed(1);
    const d = rate.history.map(spot).join('L');

    $('spark').querySelector('.line').setAttribute('d', 'M' + d);
    $('spark').querySelector('.area').setAttribute('d',
        `M${(from * step).toFixed(1)} 44L${d}L240 44Z`);
}


// the newest events as they came: all orders, a few couriers

function tail(event)
{
    if (event.type === 'couriers' && demo.couriers % 20) {
        return;
    }

    const li = document.createElement('li');

    li.append(bold(event.type), ' ' + event.data);
    $('tail').prepend(li);

    if ($('tail').children.length > 24) {
        $('tail').lastElementChild.remove();
    }
}


// numbers that change with each record are written a few times a second

function panel()
{
    $('events').textContent = demo.events.toLocaleString('en');
    $('missed').textContent = demo.missed;
    $('missed-box').className = demo.missed ? 'bad' : 'good';
    $('id').textContent = demo.lastEventId || 'none yet';

    if (clock.minute) {
        const minute = Math.floor(clock.minute[1]
                                  + (clock.view - clock.minute[0]) / 1000);

        const two = n => String(n).padStart(2, '0');

        $('clock').textContent = two(Math.floor(minute / 60)) + ':'
                                 + two(minute % 60);
    }
}


const answer = await fetch('city.json');

map = new CityMap($('map'), await answer.json());

// curl does not know the demo's certificate
$('curl').textContent = (location.protocol === 'https:' ? 'curl -kN '
                                                        : 'curl -N ')
                        + new URL('orders', location.href);
$('drop').onclick = drop;

setInterval(second, 1000);
setInterval(panel, 150);
requestAnimationFrame(frame);
connect('');
