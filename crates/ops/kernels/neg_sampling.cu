// Skip-gram with negative sampling by stochastic gradient descent (Mikolov et al., arXiv 1310.4546).
// All pairs of one centre share their negatives (Ji et al., arXiv 1604.04661): the "windows" of
// src/skipgram, with the same draws and the same formulas.
//
// One block trains one sentence, one centre after the other. Blocks share the tables without locks.
// Rows of w_in stay in shared memory as long as their words are near the centre, so that each is
// read and written once a stay (FULL-W2V, arXiv 2312.07743): where two blocks hold the same row,
// the stay that ends last is the one that counts. Rows of w_out are updated in place, in every window.
//
// A thread owns columns: it alone moves and updates them, in all rows. Only the logits cross columns,
// so that a window needs two barriers.
//
// src/skipgram/cuda/shape.rs says how many threads (whole warps) and how much shared memory a
// block takes, and must be changed with `Shared`.

#include "neg_sampling/plan.cuh"

// The most threads that a block may have; two such blocks share the registers of a multiprocessor,
// which leaves a thread 128: enough for none to be spilled.
constexpr u32 MOST_THREADS = 256;
constexpr u32 BLOCKS = 2;
// Columns of the inputs' rows that a thread updates at once.
constexpr u32 COLUMNS = 2;
// The tile of logits that four lanes share, each taking every fourth vector of the rows.
constexpr u32 QUAD = 4;
constexpr u32 TILE_INPUTS = 4;
// Rows that a thread loads at once.
constexpr u32 LOADS = 4;

// Copies the thread's columns of a row.
__device__ void load_row(const Run& run, float* row, u32 id) {
    const float* from = run.w_in + (size_t)id * run.width;
    for (u32 c = threadIdx.x; c < run.width; c += blockDim.x) row[c] = __ldcg(from + c);
}

__device__ void store_row(const Run& run, const float* row, u32 id) {
    float* to = run.w_in + (size_t)id * run.width;
    for (u32 c = threadIdx.x; c < run.width; c += blockDim.x) __stcg(to + c, row[c]);
}

// Moves the ring from the window before to the one around `centre`: the oldest position leaves, a
// new one comes. A row whose word stays is handed to the word's next position.
__device__ void turn_ring(const Run& run, const Sentence& sentence, const Shared& shared,
                          u32 centre) {
    const Plan plan = shared.plan(centre, run);
    const u32 heir = plan.sizes[3], enters = plan.sizes[4];
    if (centre > run.window) {
        const u32 leaving = centre - run.window - 1;
        const float* row = shared.row(leaving);
        if (heir == NONE) {
            store_row(run, row, sentence.word(leaving));
        } else {
            float* to = shared.row(heir);
            for (u32 c = threadIdx.x; c < run.width; c += blockDim.x) to[c] = row[c];
        }
    }
    if (enters) {
        const u32 entering = centre + run.window;
        load_row(run, shared.row(entering), sentence.word(entering));
    }
}

// The positions before `window`, which are there when the first centre's own comes.
__device__ void fill_ring(const Run& run, const Sentence& sentence, const Shared& shared) {
    for (u32 p = 0; p < min(run.window, sentence.length); ++p) {
        if (sentence.is_first(0, p)) load_row(run, shared.row(p), sentence.word(p));
    }
}

// Writes back what the last window has left.
__device__ void empty_ring(const Run& run, const Sentence& sentence, const Shared& shared) {
    const u32 oldest = sentence.begin(sentence.length - 1, run.window);
    for (u32 p = oldest; p < sentence.length; ++p) {
        if (sentence.is_first(oldest, p)) store_row(run, shared.row(p), sentence.word(p));
    }
}

// Reads the thread's columns of the targets' rows, several rows at once. Other blocks change them
// all the time: the second-level cache has what the last of them wrote.
__device__ void load_targets(const Run& run, const Shared& shared, const Plan& plan) {
    const u32 n = plan.sizes[0];
    for (u32 c = threadIdx.x; c < run.width; c += blockDim.x) {
        for (u32 first = 0; first < n; first += LOADS) {
            float values[LOADS];
#pragma unroll
            for (u32 i = 0; i < LOADS; ++i) {
                const u32 id = plan.targets[min(first + i, n - 1)];
                values[i] = __ldcg(run.w_out + (size_t)id * run.width + c);
            }
#pragma unroll
            for (u32 i = 0; i < LOADS; ++i) {
                if (first + i < n) shared.out[(first + i) * shared.stride + c] = values[i];
            }
        }
    }
}

__device__ __forceinline__ float dot(float4 a, float4 b, float sum) {
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

// Four sums over the four lanes of a quad: lane i gets the i-th.
__device__ __forceinline__ float sum_of_quad(const float (&sums)[QUAD]) {
    const bool high = threadIdx.x & 2, odd = threadIdx.x & 1;
    const float even_sum = (high ? sums[2] : sums[0]) +
                           __shfl_xor_sync(ALL_LANES, high ? sums[0] : sums[2], 2);
    const float odd_sum = (high ? sums[3] : sums[1]) +
                          __shfl_xor_sync(ALL_LANES, high ? sums[1] : sums[3], 2);
    return (odd ? odd_sum : even_sum) + __shfl_xor_sync(ALL_LANES, odd ? even_sum : odd_sum, 1);
}

// The gradient by a logit times rate and counts, for input `j` and target `t`; adds to the loss.
__device__ float gradient(const Sentence& sentence, const Plan& plan, u32 t, u32 j, float logit,
                          float& loss) {
    const float count = (float)(plan.target_counts[t] * plan.input_counts[j]);
    // softplus(-x) for the label, softplus(x) for a negative.
    const float x = t == 0 ? -logit : logit;
    loss += count * (fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x))));
    const float sigmoid = 1.0f / (1.0f + expf(-logit));
    return ((t == 0 ? 1.0f : 0.0f) - sigmoid) * sentence.rate * count;
}

// All logits of a window and from them `shared.g`. Returns what the thread saw of the loss.
__device__ float logits(const Run& run, const Sentence& sentence, const Shared& shared,
                        const Plan& plan) {
    const u32 n_targets = plan.sizes[0], n_inputs = plan.sizes[1];
    const u32 lane = threadIdx.x % QUAD;
    // Targets t and t + half make a tile, so that neighbouring quads read neighbouring rows.
    const u32 half = (n_targets + 1) / 2;
    const u32 tiles = half * (round_up(n_inputs, INPUTS) / TILE_INPUTS);
    float loss = 0.0f;
    // Whole warps go on together, since quads exchange sums.
    for (u32 base = threadIdx.x / WARP * (WARP / QUAD); base < tiles; base += blockDim.x / QUAD) {
        const u32 own = base + threadIdx.x % WARP / QUAD, tile = min(own, tiles - 1);
        const u32 t = tile % half, other = t + half < n_targets ? t + half : t;
        const u32 input = tile / half * TILE_INPUTS;
        const float* rows[TILE_INPUTS];
#pragma unroll
        for (u32 i = 0; i < TILE_INPUTS; ++i) {
            rows[i] = shared.ring + plan.inputs[min(input + i, n_inputs - 1)] * shared.stride;
        }
        const float* out = shared.out + t * shared.stride;
        const float* out_other = shared.out + other * shared.stride;
        float sums[TILE_INPUTS] = {}, sums_other[TILE_INPUTS] = {};
#pragma unroll 1
        for (u32 c = 4 * lane; c < run.width; c += 4 * QUAD) {
            const float4 a = *reinterpret_cast<const float4*>(out + c);
            const float4 b = *reinterpret_cast<const float4*>(out_other + c);
#pragma unroll
            for (u32 i = 0; i < TILE_INPUTS; ++i) {
                const float4 x = *reinterpret_cast<const float4*>(rows[i] + c);
                sums[i] = dot(a, x, sums[i]);
                sums_other[i] = dot(b, x, sums_other[i]);
            }
        }
        const float logit = sum_of_quad(sums), logit_other = sum_of_quad(sums_other);
        if (own < tiles) {
            // Inputs up to a multiple of `INPUTS` that are none get gradients of zero.
            const u32 j = input + lane;
            const bool is_input = j < n_inputs;
            shared.g[t * shared.g_stride + j] =
                is_input ? gradient(sentence, plan, t, j, logit, loss) : 0.0f;
            if (other != t) {
                shared.g[other * shared.g_stride + j] =
                    is_input ? gradient(sentence, plan, other, j, logit_other, loss) : 0.0f;
            }
        }
    }
    return loss;
}

// Adds the gradients of `INPUTS` inputs, from `first` on, to their rows and to those of the targets,
// in the columns c and c + blockDim.x. Both take the other side's rows as they were.
__device__ void update_columns(const Run& run, const Shared& shared, const Plan& plan, u32 first,
                               u32 c) {
    const u32 n_targets = plan.sizes[0], n_inputs = plan.sizes[1];
    u32 columns[COLUMNS];
    float rows[INPUTS][COLUMNS], sums[INPUTS][COLUMNS];
#pragma unroll
    for (u32 k = 0; k < COLUMNS; ++k) {
        // A column that is none computes as the first, and is not written.
        const u32 column = c + k * blockDim.x;
        columns[k] = column < run.width ? column : c;
#pragma unroll
        for (u32 i = 0; i < INPUTS; ++i) {
            const u32 slot = plan.inputs[min(first + i, n_inputs - 1)];
            rows[i][k] = first + i < n_inputs ? shared.ring[slot * shared.stride + columns[k]] : 0.0f;
            sums[i][k] = 0.0f;
        }
    }
    // One step has work enough for the pipeline; more would take registers.
#pragma unroll 1
    for (u32 t = 0; t < n_targets; ++t) {
        float g[INPUTS];
#pragma unroll
        for (u32 i = 0; i < INPUTS; i += 4) {
            const float4 four =
                *reinterpret_cast<const float4*>(shared.g + t * shared.g_stride + first + i);
            g[i] = four.x, g[i + 1] = four.y, g[i + 2] = four.z, g[i + 3] = four.w;
        }
        float* target = run.w_out + (size_t)plan.targets[t] * run.width;
#pragma unroll
        for (u32 k = 0; k < COLUMNS; ++k) {
            const float old = shared.out[t * shared.stride + columns[k]];
            // Inputs beyond the first `INPUTS` add to what those before have written.
            float sum = first == 0 ? old : __ldcg(target + columns[k]);
#pragma unroll
            for (u32 i = 0; i < INPUTS; ++i) {
                sums[i][k] = fmaf(g[i], old, sums[i][k]);
                sum = fmaf(g[i], rows[i][k], sum);
            }
            if (c + k * blockDim.x < run.width) __stcg(target + columns[k], sum);
        }
    }
#pragma unroll
    for (u32 i = 0; i < INPUTS; ++i) {
        if (first + i < n_inputs) {
            float* row = shared.ring + plan.inputs[first + i] * shared.stride;
#pragma unroll
            for (u32 k = 0; k < COLUMNS; ++k) {
                if (c + k * blockDim.x < run.width) row[columns[k]] = rows[i][k] + sums[i][k];
            }
        }
    }
}

__device__ void update(const Run& run, const Shared& shared, const Plan& plan) {
    for (u32 c = threadIdx.x; c < run.width; c += COLUMNS * blockDim.x) {
        for (u32 first = 0; first < plan.sizes[1]; first += INPUTS) {
            update_columns(run, shared, plan, first, c);
        }
    }
}

// The padding of all rows stays zero from here on.
__device__ void clear_rows(const Run& run, const Shared& shared) {
    const u32 values = (shared.slots + 1 + run.negatives) * shared.stride;
    for (u32 i = threadIdx.x; i < values; i += blockDim.x) shared.ring[i] = 0.0f;
}

// Trains the windows of a sentence. Returns what the thread saw of the loss, and counts all pairs.
__device__ double train(const Run& run, const Sentence& sentence, const Shared& shared,
                        u64& pairs) {
    clear_rows(run, shared);
    make_plan(run, sentence, shared, 0);
    __syncthreads();
    fill_ring(run, sentence, shared);
    turn_ring(run, sentence, shared, 0);
    load_targets(run, shared, shared.plan(0, run));
    __syncthreads();
    double loss = 0.0;
    for (u32 centre = 0; centre < sentence.length; ++centre) {
        const Plan plan = shared.plan(centre, run);
        const bool goes_on = centre + 1 < sentence.length;
        if (goes_on) make_plan(run, sentence, shared, centre + 1);
        loss += logits(run, sentence, shared, plan);
        pairs += plan.sizes[2];
        __syncthreads();
        update(run, shared, plan);
        if (goes_on) {
            turn_ring(run, sentence, shared, centre + 1);
            load_targets(run, shared, shared.plan(centre + 1, run));
            __syncthreads();
        }
    }
    empty_ring(run, sentence, shared);
    return loss;
}

// The sum over the threads of a block, in one order; in thread 0. `memory` holds one a warp.
__device__ double sum_of_block(double value, double* memory) {
    for (u32 step = WARP / 2; step > 0; step /= 2) {
        value += __shfl_xor_sync(ALL_LANES, value, step);
    }
    // Until here the threads had rows in this memory.
    __syncthreads();
    if (threadIdx.x % WARP == 0) memory[threadIdx.x / WARP] = value;
    __syncthreads();
    double sum = 0.0;
    for (u32 warp = 0; warp < blockDim.x / WARP; ++warp) sum += memory[warp];
    return sum;
}

// Sentence s is words[starts[s] .. starts[s + 1]]; its first word has the running number firsts[s]
// and its pairs are trained at rates[s]. losses[s] is the sum over its pairs. Words are below `ids`.
extern "C" __global__ void __launch_bounds__(MOST_THREADS, BLOCKS)
    neg_sampling(float* w_in, float* w_out, u32 ids, u32 width, const u32* thresholds,
                 const u32* aliases, u32 key0, u32 key1, u32 window, u32 negatives,
                 const u32* words, const u32* starts, const u64* firsts, const float* rates,
                 double* losses, u64* pairs) {
    extern __shared__ float4 memory[];
    const Run run = {w_in, w_out, thresholds, aliases, ids, width, window, negatives, key0, key1};
    const u32 start = starts[blockIdx.x], length = starts[blockIdx.x + 1] - start;
    const Sentence sentence = {words + start, length, firsts[blockIdx.x], rates[blockIdx.x]};
    double loss = 0.0;
    u64 n_pairs = 0;
    // A word alone has no pairs.
    if (length > 1) {
        loss = train(run, sentence, Shared(memory, run), n_pairs);
        loss = sum_of_block(loss, reinterpret_cast<double*>(memory));
    }
    if (threadIdx.x == 0) losses[blockIdx.x] = loss, pairs[blockIdx.x] = n_pairs;
}
