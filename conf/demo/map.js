// The map: the city of city.json as SVG, and what lives on it.

const SVG = 'http://www.w3.org/2000/svg';

const STREET = 11;              // width of a street, in units of the map
const MAIN = 15;                // of a main one
const BEYOND = 4;               // streets drawn beyond each border

// what a courier did in this time is drawn as its trail
const TRAIL_MS = 1600;

// below the city, for the legend
const LEGEND = 40;


function node(name, attributes, parent)
{
    const element = document.createElementNS(SVG, name);

    for (const key in attributes) {
        element.setAttribute(key, attributes[key]);
    }

    if (parent) {
        parent.append(element);
    }

    return element;
}


// the same houses each time: mulberry32

function dice(seed)
{
    return () => {
        let t = seed += 0x6d2b79f5;

        t = Math.imul(t ^ t >>> 15, t | 1);
        t ^= t + Math.imul(t ^ t >>> 7, t | 61);
        return ((t ^ t >>> 14) >>> 0) / 4294967296;
    };
}


const mix = (a, b, part) => [a[0] + (b[0] - a[0]) * part,
                             a[1] + (b[1] - a[1]) * part];
const length = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);
const text = p => p[0].toFixed(1) + ' ' + p[1].toFixed(1);
const polygon = points => 'M' + points.map(text).join('L') + 'Z';
const line = points => 'M' + points.map(text).join('L');


export class CityMap {

    constructor(svg, city)
    {
        this.svg = svg;
        this.city = city;
        this.couriers = new Map();
        this.homes = new Map();
        this.busy = new Map();          // restaurant: its orders in the kitchen
        this.restaurants = new Map();
        this.scale = 1;

        svg.setAttribute('viewBox',
                         `0 0 ${city.width} ${city.height + LEGEND}`);

        this.ground = node('g', {}, svg);
        this.drawHouses();
        this.drawRiver();
        this.drawStreets();
        this.drawPark();
        this.drawLabels();

        this.trails = node('g', {}, svg);
        this.homeLayer = node('g', {}, svg);
        this.restaurantLayer = node('g', {}, svg);
        this.courierLayer = node('g', {}, svg);

        city.restaurants.forEach(r => this.drawRestaurant(r));

        new ResizeObserver(() => this.resize()).observe(svg);
        this.resize();
    }


    // marks keep their size on the screen, within reason

    resize()
    {
        const box = this.svg.getBoundingClientRect();
        const unit = Math.min(box.width / this.city.width,
                              box.height / (this.city.height + LEGEND));

        this.scale = Math.min(2.1, Math.max(.8, .92 / (unit || 1)));
        this.small = unit < .55;

        for (const r of this.restaurants.values()) {
            this.place(r.group, r.at);
            r.label.style.display = this.small ? 'none' : '';
        }

        for (const home of this.homes.values()) {
            this.place(home.group, home.at);
        }
    }


    place(group, at)
    {
        group.setAttribute('transform', `translate(${text(at)}) `
                                        + `scale(${this.scale.toFixed(3)})`);
    }


    // a crossing; those beyond the border go on as the last ones did

    at(r, c)
    {
        const nodes = this.city.nodes;
        const rows = nodes.length, columns = nodes[0].length;

        if (r < 0 || r >= rows) {
            const edge = r < 0 ? 0 : rows - 1;
            const a = this.at(edge, c), b = this.at(r < 0 ? 1 : rows - 2, c);
            const k = Math.abs(r - edge);

            return [a[0] + (a[0] - b[0]) * k, a[1] + (a[1] - b[1]) * k];
        }

        if (c < 0 || c >= columns) {
            const edge = c < 0 ? 0 : columns - 1;
            const a = nodes[r][edge], b = nodes[r][c < 0 ? 1 : columns - 2];
            const k = Math.abs(c - edge);

            return [a[0] + (a[0] - b[0]) * k, a[1] + (a[1] - b[1]) * k];
        }

        return nodes[r][c];
    }


    inPark(r, c)
    {
        const [[r1, c1], [r2, c2]] = this.city.park.corners;

        return r >= r1 && r < r2 && c >= c1 && c < c2;
    }


    drawHouses()
    {
        const random = dice(7);
        const paths = ['', '', ''];
        const rows = this.city.nodes.length;
        const columns = this.city.nodes[0].length;

        for (let r = -BEYOND; r < rows + BEYOND - 1; r++) {
            for (let c = -BEYOND; c < columns + BEYOND - 1; c++) {
                if (this.inPark(r, c)) {
                    continue;
                }

                if (r === this.city.river.row) {
                    this.drawBlock(r, c, .1, .24, 1, random, paths);
                    this.drawBlock(r, c, .76, .9, 1, random, paths);

                } else {
                    this.drawBlock(r, c, .13, .87, 2, random, paths);
                }
            }
        }

        paths.forEach((d, i) => node('path', { class: 'h' + (i + 1), d },
                                     this.ground));
    }


    // the houses of a block, in one or two rows from top to bottom (0 to 1)

    drawBlock(r, c, top, bottom, lines, random, paths)
    {
        const a = this.at(r, c), b = this.at(r, c + 1);
        const d = this.at(r + 1, c), e = this.at(r + 1, c + 1);
        const side = 11 / length(a, b);
        const spot = (u, v) => mix(mix(a, b, u), mix(d, e, u), v);
        const gap = .028;

        for (let i = 0; i < lines; i++) {
            const v1 = top + (bottom - top) * i / lines + (i ? gap : 0);
            const v2 = top + (bottom - top) * (i + 1) / lines
                       - (i + 1 < lines ? gap : 0);
            let u = side;

            while (u < 1 - side - .02) {
                let next = u + .14 + random() * .26;

                if (next > 1 - side - .12) {
                    next = 1 - side;
                }

                // here and there a yard, or a house that keeps its distance

                if (random() > .07) {
                    const back = lines > 1 ? random() * .09 : 0;
                    const w1 = v1 + (i === 1 ? back : 0);
                    const w2 = v2 - (i === 0 ? back : 0);

                    paths[random() * 3 | 0] += polygon([
                        spot(u, w1), spot(next - gap / 2, w1),
                        spot(next - gap / 2, w2), spot(u, w2) ]);
                }

                u = next + gap / 2;
            }
        }
    }


    drawRiver()
    {
        const river = this.city.river.line;
        const before = mix(river[1], river[0], 8);
        const after = mix(river.at(-2), river.at(-1), 8);
        const points = [before, ...river, after];
        const width = this.city.river.width;

        // a curve through the middles of the line

        let d = 'M' + text(points[0]);

        for (let i = 1; i < points.length - 1; i++) {
            d += 'Q' + text(points[i]) + ' '
                 + text(mix(points[i], points[i + 1], .5));
        }

        this.riverPath = d;
        node('path', { class: 'water', d, 'stroke-width': width }, this.ground);

        [-13, 3, 15].forEach((y, i) => {
            const ripple = node('path', { class: 'ripple', d }, this.ground);

            ripple.setAttribute('transform', `translate(${i * 31} ${y})`);
            ripple.style.animationDuration = 9 + i * 2.5 + 's';
        });
    }


    isClosed(r, c, r2, c2)
    {
        return this.city.closed.some(way => way[0] === r && way[1] === c
                                            && way[2] === r2 && way[3] === c2);
    }


    drawStreets()
    {
        const rows = this.city.nodes.length;
        const columns = this.city.nodes[0].length;
        let side = '', main = '', bridges = '';

        const add = (r, c, r2, c2, wide) => {
            const d = line([this.at(r, c), this.at(r2, c2)]);

            if (wide) {
                main += d;
            } else {
                side += d;
            }
        };

        for (let r = -BEYOND; r < rows + BEYOND; r++) {
            for (let c = -BEYOND; c < columns + BEYOND; c++) {
                const inside = c >= 0 && c < columns;

                if (!this.isClosed(r, c, r, c + 1)) {
                    add(r, c, r, c + 1, r === 3 || r === 5);
                }

                if (this.isClosed(r, c, r + 1, c)
                    || (r === this.city.river.row && !inside))
                {
                    continue;
                }

                if (r === this.city.river.row) {
                    const a = this.at(r, c), b = this.at(r + 1, c);

                    bridges += line([mix(a, b, .2), mix(a, b, .8)]);
                }

                add(r, c, r + 1, c, c === 4 || c === 7);
            }
        }

        node('path', { class: 'bridge', d: bridges, 'stroke-width': MAIN + 5 },
             this.ground);
        node('path', { class: 'street', d: side, 'stroke-width': STREET },
             this.ground);
        node('path', { class: 'street', d: main, 'stroke-width': MAIN },
             this.ground);
    }


    drawPark()
    {
        const [[r1, c1], [r2, c2]] = this.city.park.corners;
        const a = this.at(r1, c1), b = this.at(r1, c2);
        const d = this.at(r2, c1), e = this.at(r2, c2);
        const spot = (u, v) => mix(mix(a, b, u), mix(d, e, u), v);
        const random = dice(22);
        const inset = .075;

        node('path', { class: 'park', d: polygon([
            spot(inset, inset), spot(1 - inset, inset),
            spot(1 - inset, 1 - inset), spot(inset, 1 - inset) ]) },
            this.ground);

        const curve = (p, q, s) => 'M' + text(spot(...p)) + 'Q'
                                   + text(spot(...q)) + ' ' + text(spot(...s));

        node('path', { class: 'path',
                       d: curve([.07, .3], [.45, .2], [.93, .75])
                          + curve([.3, .93], [.35, .4], [.75, .07])
                          + curve([.07, .8], [.5, .95], [.93, .3]) },
             this.ground);

        const pond = spot(.66, .68);

        node('ellipse', { class: 'pond', rx: 27, ry: 15,
                          transform: `translate(${text(pond)}) rotate(-14)` },
             this.ground);

        for (let i = 0; i < 46; i++) {
            const p = spot(.1 + random() * .8, .1 + random() * .8);
            const radius = 3.2 + random() * 4.6;

            if (length(p, pond) < 36 || length(p, spot(.36, .55)) < 30) {
                continue;
            }

            node('circle', { class: random() < .5 ? 't1' : 't2',
                             cx: p[0].toFixed(1), cy: p[1].toFixed(1),
                             r: radius.toFixed(1) }, this.ground);
        }

        this.parkSpot = spot(.36, .56);
    }


    drawLabels()
    {
        const label = (what, p, angle, more) => {
            const t = node('text', { class: 'label ' + (more || '') },
                           this.ground);

            t.setAttribute('transform', `translate(${text(p)}) `
                                        + `rotate(${angle.toFixed(1)})`);
            t.textContent = what;
        };

        const street = (r, c) => {
            const a = this.at(r, c), b = this.at(r, c + 1);
            const p = mix(a, b, .5);

            label(this.city.streets[r], [p[0], p[1] + 3.4],
                  Math.atan2(b[1] - a[1], b[0] - a[0]) * 180 / Math.PI);
        };

        street(1, 4);
        street(3, 2);
        street(3, 9);
        street(5, 7);
        street(6, 3);
        street(6, 10);

        label(this.city.park.name, this.parkSpot, -5, 'green');

        node('path', { id: 'river-line', d: this.riverPath, fill: 'none' },
             this.ground);

        const on = node('textPath', { href: '#river-line', startOffset: '57%' },
                        node('text', { class: 'label blue', dy: 4 },
                             this.ground));

        on.textContent = this.city.river.name;
    }


    drawRestaurant(restaurant)
    {
        const corner = this.at(...restaurant.at);
        const group = node('g', { class: 'restaurant' }, this.restaurantLayer);

        node('path', { class: 'steam', d: 'M-3 -14q-3 -3 0 -6t0 -6' }, group);
        node('path', { class: 'steam', d: 'M4 -14q-3 -3 0 -6t0 -6' }, group);
        node('rect', { x: -10, y: -10, width: 20, height: 20, rx: 6 }, group);
        node('path', { class: 'fork', d: 'M-3.4 -5v3a1.7 1.7 0 0 0 3.4 0v-3'
                                         + 'M-1.7 -.3v5.6M3.6 5.3v-10.3'
                                         + 'c2.2 1 2.2 4.6 0 5.6' }, group);

        const label = node('text', { y: 23 }, group);

        label.textContent = restaurant.name;

        const at = [corner[0] + 17, corner[1] - 18];

        this.restaurants.set(restaurant.name, { group, label, at });
        this.busy.set(restaurant.name, new Set());
        this.place(group, at);
    }


    // what an order means for the map

    order(order)
    {
        const busy = this.busy.get(order.restaurant);

        if (busy) {
            if (order.stage === 'cooking') {
                busy.add(order.order);
            } else {
                busy.delete(order.order);
            }

            this.restaurants.get(order.restaurant).group.classList
                .toggle('busy', busy.size > 0);
        }

        let home = this.homes.get(order.order);

        if (!home) {
            home = this.drawHome(order);
            this.homes.set(order.order, home);
        }

        home.group.setAttribute('class', 'mark ' + order.stage);
        home.house.setAttribute('class', 'home ' + order.stage);
    }


    drawHome(order)
    {
        const group = node('g', {}, this.homeLayer);
        const house = node('g', { class: 'home' }, group);
        const at = [order.to[0] + 9, order.to[1] - 10];

        node('circle', { class: 'ring', r: 10 }, house);
        node('path', { d: 'M-7 -.5L0 -7.5L7 -.5V7H-7Z' }, house);
        this.place(group, at);

        return { group, house, at };
    }


    forgetOrder(id)
    {
        const home = this.homes.get(id);

        if (home) {
            home.house.classList.add('gone');
            setTimeout(() => home.group.remove(), 1100);
            this.homes.delete(id);
        }

        for (const [name, busy] of this.busy) {
            busy.delete(id);
            this.restaurants.get(name).group.classList
                .toggle('busy', busy.size > 0);
        }
    }


    // a courier has told where it is: drawn when its time has come

    courier(record)
    {
        let courier = this.couriers.get(record.courier);

        if (!courier) {
            courier = this.drawCourier(record.courier);
            this.couriers.set(record.courier, courier);
        }

        courier.samples.push({ t: record.t, x: record.x, y: record.y,
                               order: record.order });

        if (courier.samples.length > 400) {
            courier.samples.splice(0, 200);
        }
    }


    drawCourier(name)
    {
        const trail = node('path', { class: 'trail' }, this.trails);
        const group = node('g', { class: 'courier' }, this.courierLayer);
        const n = this.couriers.size;

        node('circle', { r: 10.5 }, group);
        node('text', { y: .5 }, group).textContent = name[0];
        node('title', {}, group).textContent = name;

        // who waits at one corner stands side by side

        const lean = [ Math.cos(n * 2.4) * 5, Math.sin(n * 2.4) * 5 ];

        return { name, group, trail, lean, samples: [], state: null };
    }


    // draws the couriers as they were at t; state says what each is doing

    draw(t, state)
    {
        for (const courier of this.couriers.values()) {
            const samples = courier.samples;

            while (samples.length > 2 && samples[1].t < t - TRAIL_MS) {
                samples.shift();
            }

            let i = samples.findIndex(sample => sample.t > t);
            let now;

            if (i === -1) {
                i = samples.length;
                now = samples[i - 1];

            } else if (i === 0) {
                now = samples[0];

            } else {
                const a = samples[i - 1], b = samples[i];
                const part = (t - a.t) / (b.t - a.t || 1);

                now = { x: a.x + (b.x - a.x) * part,
                        y: a.y + (b.y - a.y) * part, order: a.order };
            }

            const spot = [now.x + courier.lean[0], now.y + courier.lean[1]];
            const doing = state(now.order);

            courier.order = now.order;
            this.place(courier.group, spot);

            if (doing !== courier.state) {
                courier.state = doing;
                courier.group.setAttribute('class', 'courier ' + doing);
            }

            this.drawTrail(courier, samples.slice(0, i), spot, t);
        }
    }


    drawTrail(courier, samples, spot, t)
    {
        if (courier.state !== 'riding') {
            courier.trail.setAttribute('d', '');
            return;
        }

        const points = samples.filter(sample => sample.t > t - TRAIL_MS)
                              .map(sample => [sample.x + courier.lean[0],
                                              sample.y + courier.lean[1]]);

        points.push(spot);

        courier.trail.setAttribute('d', line(points));
        courier.trail.setAttribute('stroke-width', 4 * this.scale);
    }


    // shows one order, its courier and its restaurant; all if it is null

    light(order)
    {
        for (const [id, home] of this.homes) {
            home.group.classList.toggle('faded', order && id !== order.order);
        }

        for (const courier of this.couriers.values()) {
            courier.group.classList.toggle('faded',
                order && courier.name !== order.courier);
            courier.trail.classList.toggle('faded',
                order && courier.name !== order.courier);
        }

        for (const [name, restaurant] of this.restaurants) {
            restaurant.group.classList.toggle('faded',
                order && name !== order.restaurant);
        }
    }
}
