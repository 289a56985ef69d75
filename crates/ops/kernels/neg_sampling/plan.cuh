// What a window of neg_sampling.cu is made of: the sentence, the shared memory of its block, and the
// plan of the rows that take part, which follows from the draws.
#pragma once

typedef unsigned int u32;
typedef unsigned long long u64;

constexpr u32 WARP = 32;
constexpr u32 ALL_LANES = 0xFFFFFFFFu;
constexpr u32 NONE = 0xFFFFFFFFu;
// Inputs whose rows a thread updates at once.
constexpr u32 INPUTS = 8;

__device__ __forceinline__ u32 round_up(u32 n, u32 to) { return (n + to - 1) / to * to; }

// What a run has fixed.
struct Run {
    float* w_in;            // (ids, width)
    float* w_out;           // (ids, width)
    const u32* thresholds;  // (ids): the alias table of the noise
    const u32* aliases;     // (ids)
    u32 ids, width, window, negatives;
    u32 key0, key1;  // of the stream "pairs"
};

// A sentence. Positions count from its beginning.
struct Sentence {
    const u32* words;
    u32 length;
    u64 first;  // running number of the first word
    float rate;

    __device__ u32 word(u32 position) const { return __ldg(words + position); }
    // The positions not further than `reach` from the centre are [begin, end).
    __device__ u32 begin(u32 centre, u32 reach) const {
        return centre > reach ? centre - reach : 0;
    }
    __device__ u32 end(u32 centre, u32 reach) const {
        return reach < length - centre ? centre + reach + 1 : length;
    }
    // Whether the word of `position` does not occur in [from, position).
    __device__ bool is_first(u32 from, u32 position) const {
        const u32 own = word(position);
        bool first = true;
        for (u32 p = from; p < position; ++p) first = first && word(p) != own;
        return first;
    }
    // How often `own` occurs in [from, to), the centre left out.
    __device__ u32 count(u32 own, u32 from, u32 to, u32 centre) const {
        u32 n = 0;
        for (u32 p = from; p < to; ++p) n += p != centre && word(p) == own;
        return n;
    }
};

// Which rows take part in a window, and how often each does: a word that occurs twice has one row
// with a count of two, so that nothing is changed by two threads.
struct Plan {
    u32* sizes;          // n_targets, n_inputs, pairs, and `heir` and `enters` of `turn_ring`
    u32* targets;        // ids, the centre's first (1 + negatives)
    u32* target_counts;  // (1 + negatives)
    u32* inputs;         // slots of the ring (2 · window)
    u32* input_counts;   // (2 · window)
};
constexpr u32 SIZES = 5;

// The shared memory of a block. Rows are padded with zeros. Neighbouring rows are 16 banks apart,
// so that two quads of lanes read them at once.
struct Shared {
    u32 stride, slots, g_stride;
    // Rows of w_in (slots, stride). Of the positions not further than the window from the centre,
    // the first of each word has its row, in slot `position % slots`.
    float* ring;
    float* out;  // the targets' rows as they were before the window (1 + negatives, stride)
    float* g;    // gradients by the logits, times rate and counts (1 + negatives, g_stride)
    u32* draws;  // (1 + negatives)
    u32* plans;  // of this window and of the next

    __device__ Shared(float4* memory, const Run& run) {
        const u32 targets = 1 + run.negatives;
        stride = round_up(run.width + 16, 32) - 16;
        slots = 2 * run.window + 1;
        g_stride = round_up(2 * run.window, INPUTS);
        ring = reinterpret_cast<float*>(memory);
        out = ring + slots * stride;
        g = out + targets * stride;
        draws = reinterpret_cast<u32*>(g + targets * g_stride);
        plans = draws + targets;
    }
    __device__ float* row(u32 position) const { return ring + position % slots * stride; }
    // The plan of the window around `centre`.
    __device__ Plan plan(u32 centre, const Run& run) const {
        const u32 targets = 1 + run.negatives, inputs = 2 * run.window;
        Plan plan;
        plan.sizes = plans + centre % 2 * (SIZES + 2 * targets + 2 * inputs);
        plan.targets = plan.sizes + SIZES;
        plan.target_counts = plan.targets + targets;
        plan.inputs = plan.target_counts + targets;
        plan.input_counts = plan.inputs + inputs;
        return plan;
    }
};

// Philox4x32-10 (Salmon et al., SC 2011): the block `index` of `step`, as in src/rng.rs.
__device__ __forceinline__ void philox(u64 step, u32 index, u32 key0, u32 key1, u32 words[4]) {
    u32 c0 = index, c1 = 0, c2 = (u32)step, c3 = (u32)(step >> 32);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        const u64 a = (u64)0xD2511F53u * c0;
        const u64 b = (u64)0xCD9E8D57u * c2;
        c0 = (u32)(b >> 32) ^ c1 ^ key0;
        c1 = (u32)b;
        c2 = (u32)(a >> 32) ^ c3 ^ key1;
        c3 = (u32)a;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

__device__ u32 negative_of(const Run& run, u32 word) {
    const u64 product = (u64)word * run.ids;
    const u32 slot = (u32)(product >> 32);
    return (u32)product < __ldg(run.thresholds + slot) ? slot : __ldg(run.aliases + slot);
}

// Appends the values with a count to a list, in the order of the warp's lanes; the list's new length.
__device__ u32 append(u32 n, u32 value, u32 count, u32* values, u32* counts) {
    const u32 before = (1u << threadIdx.x % WARP) - 1;
    const u32 kept = __ballot_sync(ALL_LANES, count > 0);
    if (count > 0) {
        const u32 place = n + __popc(kept & before);
        values[place] = value;
        counts[place] = count;
    }
    return n + __popc(kept);
}

// The first position in [from, to) that holds `word`, or NONE; for a whole warp.
__device__ u32 find(const Sentence& sentence, u32 word, u32 from, u32 to) {
    for (u32 base = from; base < to; base += WARP) {
        const u32 p = base + threadIdx.x % WARP;
        const u32 found = __ballot_sync(ALL_LANES, p < to && sentence.word(p) == word);
        if (found) return base + __ffs(found) - 1;
    }
    return NONE;
}

// Plans the inputs of a window, and what the ring loses and gains before it; for a whole warp.
__device__ void plan_inputs(const Run& run, const Sentence& sentence, const Shared& shared,
                            u32 centre) {
    const Plan plan = shared.plan(centre, run);
    u32 words[4];
    philox(sentence.first + centre, 0, run.key0, run.key1, words);
    const u32 reach = 1 + (u32)(((u64)words[0] * run.window) >> 32);
    const u32 oldest = sentence.begin(centre, run.window);
    const u32 begin = sentence.begin(centre, reach), end = sentence.end(centre, reach);
    u32 n = 0;
    // A word's first position may lie before the reach; what counts lies in it.
    for (u32 base = oldest; base < end; base += WARP) {
        const u32 p = base + threadIdx.x % WARP;
        u32 count = 0;
        if (p < end && sentence.is_first(oldest, p)) {
            count = sentence.count(sentence.word(p), max(p, begin), end, centre);
        }
        n = append(n, p % shared.slots, count, plan.inputs, plan.input_counts);
    }
    u32 heir = NONE, enters = 0;
    if (centre > run.window) {
        const u32 newest = sentence.end(centre - 1, run.window);
        heir = find(sentence, sentence.word(oldest - 1), oldest, newest);
    }
    const u32 entering = centre + run.window;
    if (entering < sentence.length) {
        enters = find(sentence, sentence.word(entering), oldest, entering) == NONE;
    }
    if (threadIdx.x % WARP == 0) {
        plan.sizes[1] = n, plan.sizes[2] = end - begin - 1;
        plan.sizes[3] = heir, plan.sizes[4] = enters;
    }
}

// Draws the negatives of a window and plans its targets; for a whole warp.
__device__ void plan_targets(const Run& run, const Sentence& sentence, const Shared& shared,
                             u32 centre) {
    const u32 lane = threadIdx.x % WARP, draws = 1 + run.negatives;
    const Plan plan = shared.plan(centre, run);
    for (u32 block = lane; 4 * block < draws; block += WARP) {
        u32 words[4];
        philox(sentence.first + centre, block, run.key0, run.key1, words);
#pragma unroll
        for (u32 i = 0; i < 4; ++i) {
            // The first draw was the reach; the centre itself takes its place.
            const u32 d = 4 * block + i;
            if (d < draws) {
                shared.draws[d] = d == 0 ? sentence.word(centre) : negative_of(run, words[i]);
            }
        }
    }
    __syncwarp();
    u32 n = 0;
    for (u32 base = 0; base < draws; base += WARP) {
        const u32 own = base + lane;
        u32 id = 0, count = 0;
        if (own < draws) {
            // The first of equal draws stands for all of them. Those that are the centre are
            // skipped: its count stays 1.
            id = shared.draws[own];
            count = 1;
            for (u32 d = 0; d < own; ++d) count = shared.draws[d] == id ? 0 : count;
            const bool counts = count > 0 && own > 0;
            for (u32 d = own + 1; d < draws; ++d) count += counts && shared.draws[d] == id;
        }
        n = append(n, id, count, plan.targets, plan.target_counts);
    }
    if (lane == 0) plan.sizes[0] = n;
}

// Plans a window with the last two warps, which have least to do with the logits.
__device__ void make_plan(const Run& run, const Sentence& sentence, const Shared& shared,
                          u32 centre) {
    const u32 warp = threadIdx.x / WARP, warps = blockDim.x / WARP;
    if (warp == warps - 1) plan_targets(run, sentence, shared, centre);
    if (warp == (warps > 1 ? warps - 2 : 0)) plan_inputs(run, sentence, shared, centre);
}
