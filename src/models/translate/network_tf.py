# The network of network.rs in TensorFlow 2.15 on fixed parameters and words, with samples from the
# streams of src/rng.rs: the numbers of tests.rs. Usage: python network_tf.py 1|0 (sampled or not)
import sys, numpy as np, tensorflow.compat.v1 as tf
tf.disable_v2_behavior(); tf.logging.set_verbosity(tf.logging.ERROR)
V, H, L, B, K, SAMPLED = (20, 18), 6, 2, 3, 4, int(sys.argv[1])
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
def sample(step, t):
    words = (w for i in range(10**6) for w in block(key(1, "sampled/proj_w"), step << 16 | t, i))
    out, tries = [], 0
    while len(out) < K:
        tries += 1
        u = ((next(words) << 32 | next(words)) >> 11) / 2**53
        c = (int(np.exp(u * np.log(V[1] + 1.))) - 1) % V[1]
        if c not in out: out.append(c)
    return out, tries
p = lambda k: np.log((k + 2.) / (k + 1.)) / np.log(V[1] + 1.)
def expected(k, tries): return p(k) * K if tries == K else -np.expm1(tries * np.log1p(-p(k)))

S, T = 4, 5
src = np.array([[(3 + 7 * (t * B + b)) % V[0] for b in range(B)] for t in range(S)], "i")
words = np.array([[(1 + 5 * (t * B + b)) % V[1] for b in range(B)] for t in range(T)], "i")
targets = np.roll(words, -1, 0)
w = np.array([[float(t < T - 1 - b) for b in range(B)] for t in range(T)], "f")
w = w / (w.sum(0) + 1e-12) / B
vs = []
def var(*shape):
    vs.append(tf.Variable(wave(len(vs), shape))); return vs[-1]
def cells(): return [(var(2 * H, 2 * H), var(2 * H), var(2 * H, H), var(H)) for _ in range(L)]
def gru(c, x, h):
    r, u = tf.split(tf.sigmoid(tf.matmul(tf.concat([x, h], 1), c[0]) + c[1]), 2, 1)
    n = tf.tanh(tf.matmul(tf.concat([x, r * h], 1), c[2]) + c[3])
    return u * h + (1 - u) * n
E, enc = var(V[0], H), cells()
U, D = var(H, H), var(V[1], H)
Wi, bi = var(2 * H, H), var(H)
dec = cells()
Q, q, v = var(L * H, H), var(H), var(H)
if not SAMPLED: W2, b2 = var(H, V[1]), var(V[1])
O, o = var((H if SAMPLED else V[1]) + H, H if SAMPLED else V[1]), var(H if SAMPLED else V[1])
if SAMPLED: P, pb = var(V[1], H), var(V[1])
st, hs = [tf.zeros([B, H])] * L, []
for t in range(S):
    x = tf.nn.embedding_lookup(E, src[t])
    for i in range(L): x = st[i] = gru(enc[i], x, st[i])
    hs.append(x)
keys, ctx, outs, weights = [tf.matmul(h, U) for h in hs], tf.zeros([B, H]), [], []
for t in range(T):
    x = tf.matmul(tf.concat([tf.nn.embedding_lookup(D, words[t]), ctx], 1), Wi) + bi
    for i in range(L): x = st[i] = gru(dec[i], x, st[i])
    y = tf.matmul(tf.concat(st, 1), Q) + q
    a = tf.nn.softmax(tf.stack([tf.reduce_sum(v * tf.tanh(k + y), 1) for k in keys], 1))
    ctx = sum(a[:, j:j + 1] * hs[j] for j in range(S))
    if not SAMPLED: x = tf.matmul(x, W2) + b2
    outs.append(tf.matmul(tf.concat([x, ctx], 1), O) + o); weights.append(a)
ids = tf.placeholder(tf.int64, [T, K]); qt = tf.placeholder("float32", [T, B, 1]); qs = tf.placeholder("float32", [T, K])
full = outs if not SAMPLED else [tf.matmul(y, P, transpose_b=True) + pb for y in outs]
exact = sum(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=targets[t], logits=full[t]) * w[t] for t in range(T))
if SAMPLED:
    of = lambda t: tf.nn.sampled_softmax_loss(P, pb, targets[t][:, None].astype("int64"), outs[t], K, V[1], sampled_values=(ids[t], qt[t], qs[t]))
    loss = tf.reduce_sum(sum(of(t) * w[t] for t in range(T)))
else: loss = tf.reduce_sum(exact)
g = tf.gradients(loss, vs)
clipped, norm = tf.clip_by_global_norm(g, 0.5)
op = tf.train.GradientDescentOptimizer(0.5).apply_gradients(zip(clipped, vs))
dense = [tf.convert_to_tensor(x) for x in g]
summary = [tf.reduce_sum(x * wave(40 + i, x.shape.as_list())) for i, x in enumerate(dense)]
with tf.Session() as s:
    s.run(tf.global_variables_initializer())
    for step in range(5):
        drawn = [sample(step, t) for t in range(T)]
        fd = {ids: [d[0] for d in drawn], qs: [[expected(k, d[1]) for k in d[0]] for d in drawn],
              qt: [[[expected(k, drawn[t][1])] for k in targets[t]] for t in range(T)]} if SAMPLED else {}
        if step == 0:
            print("weights", s.run(weights[-1]).ravel().tolist()); print("gradients", s.run(summary, fd))
        print("loss", s.run([loss, tf.reduce_sum(exact), norm], fd)); s.run(op, fd)
    print("parameters", [float((x * wave(70 + i, x.shape)).sum()) for i, x in enumerate(s.run(vs))])
