// A Node program at the PC: node_client.mjs NAME TLS12_PORT; NODE_EXTRA_CA_CERTS names the CA. Prints one line of JSON.
import crypto from 'node:crypto';
import http2 from 'node:http2';
import https from 'node:https';

const [name, tls12Port] = process.argv.slice(2);
const out = {};

const bodyOf = (stream) => new Promise((good, bad) => {
    const parts = [];
    stream.on('data', (d) => parts.push(d)).on('end', () => good(Buffer.concat(parts))).on('error', bad);
});

const get = (url) => new Promise((good, bad) => {
    https.get(url, (answer) => bodyOf(answer).then(good, bad)).on('error', bad);
});

// One connection: 8 streams at once; then it is closed.
const streams = () => new Promise((good, bad) => {
    const session = http2.connect(`https://${name}`);
    session.on('error', bad);
    Promise.all([...Array(8).keys()].map(() => bodyOf(session.request({ ':path': '/tell' }))))
        .then((all) => {
            session.close();
            const words = new Set(all.map((b) => b.toString().trim()));
            good(`${[...words].join(' | ')}, ${all.length} streams`);
        }, bad);
});

// An agent that keeps sessions but no connection.
const resumed = async (version) => {
    const agent = new https.Agent({ keepAlive: false, minVersion: version, maxVersion: version });
    const seen = [];
    for (let i = 0; i < 3; i += 1) {
        await new Promise((good, bad) => {
            https.get(`https://${name}/tell`, { agent }, (answer) => {
                seen.push(answer.socket.isSessionReused() ? 'resumed' : 'full');
                bodyOf(answer).then(good, bad);
            }).on('error', bad);
        });
    }
    return seen.join(' ');
};

const tests = {
    https: async () => (await get(`https://${name}/tell`)).toString().trim(),
    fetch: async () => (await (await fetch(`https://${name}/tell`)).text()).trim(),
    tls12Port: async () => (await get(`https://${name}:${tls12Port}/tell`)).toString().trim(),
    streams,
    resumed13: () => resumed('TLSv1.3'),
    resumed12: () => resumed('TLSv1.2'),
    large: async () => {
        const body = await get(`https://${name}/large`);
        return `${body.length} ${crypto.createHash('sha256').update(body).digest('hex').slice(0, 16)}`;
    },
};
// Something that never ends must be a line of its own too.
const late = (seconds) => new Promise((_, bad) => { setTimeout(() => bad(new Error(`no end after ${seconds} s`)), seconds * 1000); });

for (const [what, ask] of Object.entries(tests)) {
    try {
        out[what] = await Promise.race([ask(), late(6)]);
    } catch (e) {
        out[what] = `${e.code ?? e.name}: ${e.message}${e.cause ? ` (${e.cause.code})` : ''}`;
    }
}
console.log(JSON.stringify(out));
process.exit(0);
