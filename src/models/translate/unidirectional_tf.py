# The network of unidirectional.rs in TensorFlow 2.15 on fixed parameters and words, with samples from the
# streams of src/rng.rs: the numbers of tests.rs and self_test.rs.
# Usage: TF_CPP_MIN_LOG_LEVEL=3 python unidirectional_tf.py > unidirectional_tf.json
import json, numpy as np, tensorflow.compat.v1 as tf
tf.disable_v2_behavior(); tf.logging.set_verbosity(tf.logging.ERROR)
def wave(i, shape): return (np.sin(np.arange(np.prod(shape)) * (0.37 + 0.11 * i)) * 0.4).reshape(shape).astype("f")
M = 0xFFFFFFFF
def block(key, step, index):  # Philox4x32-10
    c, k = [index & M, index >> 32, step & M, step >> 32], list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b & M, (a >> 32) ^ c[3] ^ k[1], a & M]
        k = [(k[0] + 0x9E3779B9) & M, (k[1] + 0xBB67AE85) & M]
    return c
def key(seed, name):
    h = 0xCBF29CE484222325
    for x in name.encode(): h = (h ^ x) * 0x100000001B3 % 2**64
    h ^= seed * 0x9E3779B97F4A7C15 % 2**64
    for s, m in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)): h = (h ^ (h >> s)) * m % 2**64
    h ^= h >> 31
    return h & M, h >> 32
def sample(step, t, V, K):
    words = (w for i in range(10**6) for w in block(key(1, "sampled/proj_w"), step << 16 | t, i))
    out, tries = [], 0
    while len(out) < K:
        tries += 1
        u = ((next(words) << 32 | next(words)) >> 11) / 2**53
        c = (int(np.exp(u * np.log(V + 1.))) - 1) % V
        if c not in out: out.append(c)
    return out, tries
def expected(k, tries, V, K):
    p = np.log((k + 2.) / (k + 1.)) / np.log(V + 1.)
    return p * K if tries == K else -np.expm1(tries * np.log1p(-p))

class Network:  # words (source, target), units, layers, samples (0: none), "gru" or "lstm"
    def __init__(self, V, H, L, K, cell):
        self.V, self.H, self.L, self.K, self.vs, self.lstm = V, H, L, K, [], cell == "lstm"
        var = self.var
        self.E, self.enc = var(V[0], H), self.cells()
        self.U, self.D = var(H, H), var(V[1], H)
        self.Wi, self.bi = var(2 * H, H), var(H)
        self.dec = self.cells()
        self.Q, self.q, self.v = var(L * H * (2 if self.lstm else 1), H), var(H), var(H)
        if not K: self.W2, self.b2 = var(H, V[1]), var(V[1])
        out = H if K else V[1]
        self.O, self.o = var(out + H, out), var(out)
        if K: self.P, self.pb = var(V[1], H), var(V[1])
    def var(self, *shape):
        self.vs.append(tf.Variable(wave(len(self.vs), shape))); return self.vs[-1]
    def cells(self):
        H, var = self.H, self.var
        if self.lstm: return [(var(2 * H, 4 * H), var(4 * H)) for _ in range(self.L)]
        return [(var(2 * H, 2 * H), var(2 * H), var(2 * H, H), var(H)) for _ in range(self.L)]
    def step(self, w, x, state):  # the output and the state (h, or c and h)
        if self.lstm:  # BasicLSTMCell with its forget bias of 1
            c, h = tf.split(state, 2, 1)
            i, j, f, o = tf.split(tf.matmul(tf.concat([x, h], 1), w[0]) + w[1], 4, 1)
            c = c * tf.sigmoid(f + 1.) + tf.sigmoid(i) * tf.tanh(j)
            h = tf.tanh(c) * tf.sigmoid(o)
            return h, tf.concat([c, h], 1)
        r, u = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, state], 1), w[0]) + w[1]), 2, 1)
        n = tf.tanh(tf.matmul(tf.concat([x, r * state], 1), w[2]) + w[3])
        h = u * state + (1 - u) * n
        return h, h

class Bucket:  # the network unrolled on a batch: src (S, B), words, targets, w (T, B)
    def __init__(self, n, src, words, targets, w):
        (S, B), T = src.shape, len(words)
        st, hs = [tf.zeros([B, n.H * (2 if n.lstm else 1)])] * n.L, []
        for t in range(S):
            x = tf.nn.embedding_lookup(n.E, src[t])
            for i in range(n.L): x, st[i] = n.step(n.enc[i], x, st[i])
            hs.append(x)
        keys, ctx, outs = [tf.matmul(h, n.U) for h in hs], tf.zeros([B, n.H]), []
        for t in range(T):
            x = tf.matmul(tf.concat([tf.nn.embedding_lookup(n.D, words[t]), ctx], 1), n.Wi) + n.bi
            for i in range(n.L): x, st[i] = n.step(n.dec[i], x, st[i])
            y = tf.matmul(tf.concat(st, 1), n.Q) + n.q
            a = tf.nn.softmax(tf.stack([tf.reduce_sum(n.v * tf.tanh(k + y), 1) for k in keys], 1))
            ctx = sum(a[:, j:j + 1] * hs[j] for j in range(S))
            if not n.K: x = tf.matmul(x, n.W2) + n.b2
            outs.append(tf.matmul(tf.concat([x, ctx], 1), n.O) + n.o)
        self.n, self.targets, self.weights = n, targets, a
        self.ids, self.qt, self.qs = tf.placeholder(tf.int64, [T, n.K]), tf.placeholder("float32", [T, B, 1]), tf.placeholder("float32", [T, n.K])
        full = outs if not n.K else [tf.matmul(y, n.P, transpose_b=True) + n.pb for y in outs]
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits
        self.exact = self.loss = tf.reduce_sum(sum(loss(labels=targets[t], logits=full[t]) * w[t] for t in range(T)))
        if n.K:
            of = lambda t: tf.nn.sampled_softmax_loss(n.P, n.pb, targets[t][:, None].astype("int64"), outs[t], n.K, n.V[1], sampled_values=(self.ids[t], self.qt[t], self.qs[t]))
            self.loss = tf.reduce_sum(sum(of(t) * w[t] for t in range(T)))
    def train(self, rate, clip):
        g = tf.gradients(self.loss, self.n.vs)
        clipped, self.norm = tf.clip_by_global_norm(g, clip)
        self.op = tf.train.GradientDescentOptimizer(rate).apply_gradients(zip(clipped, self.n.vs))
        self.gradients = [tf.reduce_sum(x * wave(40 + i, x.shape.as_list())) for i, x in enumerate(map(tf.convert_to_tensor, g))]
    def feed(self, step):
        V, K, T = self.n.V[1], self.n.K, len(self.targets)
        if not K: return {}
        d = [sample(step, t, V, K) for t in range(T)]
        return {self.ids: [x[0] for x in d], self.qs: [[expected(k, x[1], V, K) for k in x[0]] for x in d],
                self.qt: [[[expected(k, d[t][1], V, K)] for k in self.targets[t]] for t in range(T)]}

def mean_of_means(w): return w / (w.sum(0) + 1e-12) / w.shape[1]
def rounded(x): return [rounded(y) for y in x] if np.ndim(x) else float("%.7g" % x)
def case(cell, samples, S, T, V=(20, 18), B=3):
    ids = lambda n, a, b, below: np.array([[(a + b * (t * B + i)) % below for i in range(B)] for t in range(n)], "i")
    words = ids(T, 1, 5, V[1])
    w = mean_of_means(np.array([[float(t < T - 1 - b) for b in range(B)] for t in range(T)], "f"))
    with tf.Graph().as_default(), tf.Session() as s:
        n = Network(V, 6, 2, samples, cell)
        b = Bucket(n, ids(S, 3, 7, V[0]), words, np.roll(words, -1, 0), w)
        b.train(0.5, 0.5)
        s.run(tf.global_variables_initializer())
        got = {"cell": cell, "samples": samples, "bucket": [S, T], "losses": []}
        got["weights"], got["gradients"] = s.run(b.weights).ravel(), s.run(b.gradients, b.feed(0))
        for step in range(5):
            got["losses"].append(s.run([b.loss, b.exact, b.norm], b.feed(step))); s.run(b.op, b.feed(step))
        got["parameters"] = [(x * wave(70 + i, x.shape)).sum() for i, x in enumerate(s.run(n.vs))]
    return {k: v if k in ("cell", "samples", "bucket") else rounded(v) for k, v in got.items()}

# `get_batch` of the reference on the lists of its `self_test`, which takes pair i mod their number.
LISTS = [[([1, 1], [2, 2]), ([3, 3], [4]), ([5], [6])], [([1] * 5, [2] * 5), ([3] * 3, [5, 6])]]
def batch(pairs, S, T, B=32):
    rows = [pairs[i % len(pairs)] for i in range(B)]
    src = np.array([([0] * (S - len(s)) + s[::-1]) for s, _ in rows], "i").T
    words = np.array([[1] + t + [0] * (T - 1 - len(t)) for _, t in rows], "i").T
    targets = np.concatenate([words[1:], np.zeros([1, B], "i")])
    w = (targets != 0).astype("f"); w[-1] = 0
    return src, words, targets, mean_of_means(w)
def self_test(cell):
    with tf.Graph().as_default(), tf.Session() as s:
        n = Network((10, 10), 32, 2, 8, cell)
        buckets = [Bucket(n, *batch(pairs, size, size)) for pairs, size in zip(LISTS, (3, 6))]
        for b in buckets: b.train(0.3, 5.0)
        s.run(tf.global_variables_initializer())
        losses = []
        for step in range(5):
            b = buckets[step % 2]
            losses.append(s.run([b.loss, b.op], b.feed(step))[0])
        return {"cell": cell, "losses": rounded(losses), "exact": rounded(s.run([b.exact for b in buckets]))}

if __name__ == "__main__":
    cases = [case(c, k, *b) for c in ("gru", "lstm") for k in (4, 0) for b in ((4, 5), (7, 6))]
    lines = lambda all: ",\n".join(json.dumps(x) for x in all)
    print('{"networks": [\n%s],\n"self_test": [\n%s]}' % (lines(cases), lines([self_test(c) for c in ("gru", "lstm")])))
