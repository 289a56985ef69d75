// Runs the threads of a CUDA kernel on one thread of the processor, for tests.
//
// Every thread of a block is a fiber. A scheduler always runs the first fiber that can go on, up to
// its next meeting (barrier, shuffle, vote), in an order that a seed draws anew after each barrier:
// some threads get as far ahead of others as the source allows. Where a barrier is missing, one
// will read what is not yet there, or overwrite what is still needed. Any one `__syncthreads` or
// `__syncwarp` of the source can be switched off by its number, to show that.
//
// What it cannot show: blocks run one after another, so they never race; each atomic operation and
// each stretch between two meetings is undivided; nothing is known of time, caches or registers.
//
// Include it before the kernel's source. That source has to be C++17 but for what is defined here,
// and may have one array of dynamic shared memory: `extern __shared__ float4 memory[];`.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <memory>
#include <random>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __forceinline__ inline
#define __noinline__
#define __launch_bounds__(...)
// One copy for all fibers, with `extern` or without.
#define __shared__ thread_local

struct uint3 {
    unsigned x, y, z;
};
struct dim3 {
    unsigned x = 1, y = 1, z = 1;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
struct alignas(16) float4 {
    float x, y, z, w;
};

constexpr size_t MOST_SHARED_BYTES = 228 * 1024;
extern "C" {
thread_local float4 memory[MOST_SHARED_BYTES / sizeof(float4)];
}

namespace host {

constexpr unsigned WARP_SIZE = 32;
constexpr unsigned NONE = ~0u;
constexpr size_t STACK_BYTES = 64 * 1024;
// What shared memory holds before a block writes to it: not a number, so that its use shows.
constexpr unsigned char UNWRITTEN = 0xFF;

[[noreturn]] inline void fail(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    std::exit(2);
}

enum class State { Ready, AtBarrier, InWarp, Done };
// What the lanes of a warp meet for.
enum class Meeting { Sync, Exchange, Vote };

struct Fiber {
    // Where it begins, until `place` is where it goes on.
    ucontext_t entry;
    jmp_buf place;
    bool has_begun;
    std::unique_ptr<char[]> stack;
    uint3 index;
    unsigned number;
    State state;
    // Of the meeting that this lane waits for or has come from.
    Meeting meeting;
    unsigned mask;
    uint64_t brought;
    uint64_t found[WARP_SIZE];
};

struct Grid {
    dim3 blocks, threads;
    uint3 block;
    std::vector<Fiber> fibers;
    Fiber* current = nullptr;
    jmp_buf scheduler;
    std::function<void()> kernel;
    // The synchronisation of the source that is switched off.
    unsigned dropped = NONE;
};

inline Grid& grid() {
    static Grid grid;
    return grid;
}

// Lets a fiber go on until it waits or ends. Between stacks that are in use, jumps are far cheaper
// than `swapcontext`, which asks the system for the signal mask.
inline void go_on(Fiber& fiber) {
    grid().current = &fiber;
    if (_setjmp(grid().scheduler) != 0) return;
    if (fiber.has_begun) _longjmp(fiber.place, 1);
    fiber.has_begun = true;
    setcontext(&fiber.entry);
}

// Goes back to the scheduler until it lets this fiber go on.
inline void wait(State state) {
    Fiber* own = grid().current;
    own->state = state;
    if (_setjmp(own->place) == 0) _longjmp(grid().scheduler, 1);
}

inline void start_fiber() {
    grid().kernel();
    grid().current->state = State::Done;
    _longjmp(grid().scheduler, 1);
}

inline void prepare(Fiber& fiber, unsigned number) {
    const dim3& threads = grid().threads;
    if (!fiber.stack) fiber.stack.reset(new char[STACK_BYTES]);
    getcontext(&fiber.entry);
    fiber.entry.uc_stack.ss_sp = fiber.stack.get();
    fiber.entry.uc_stack.ss_size = STACK_BYTES;
    fiber.entry.uc_link = nullptr;
    makecontext(&fiber.entry, start_fiber, 0);
    fiber.has_begun = false;
    fiber.number = number;
    fiber.index = {number % threads.x, number / threads.x % threads.y,
                   number / threads.x / threads.y};
    fiber.state = State::Ready;
}

// Lets the lanes go on that are all at the meeting of `fiber`, each with what the others brought.
inline void release_warp(const Fiber& fiber) {
    std::vector<Fiber>& fibers = grid().fibers;
    const unsigned first = fiber.number / WARP_SIZE * WARP_SIZE, mask = fiber.mask;
    auto is_in = [&](unsigned lane) { return mask >> lane & 1; };
    uint64_t brought[WARP_SIZE] = {};
    for (unsigned lane = 0; lane < WARP_SIZE; ++lane) {
        if (!is_in(lane)) continue;
        if (first + lane >= fibers.size()) fail("a mask names lanes that the block has not");
        const Fiber& other = fibers[first + lane];
        if (other.state != State::InWarp || other.mask != mask) return;
        if (other.meeting != fiber.meeting) fail("the lanes of a warp meet for different things");
        brought[lane] = other.brought;
    }
    for (unsigned lane = 0; lane < WARP_SIZE; ++lane) {
        if (!is_in(lane)) continue;
        Fiber& other = fibers[first + lane];
        std::memcpy(other.found, brought, sizeof brought);
        other.state = State::Ready;
    }
}

// Lets all go on if all are at the barrier.
inline bool release_barrier() {
    for (const Fiber& fiber : grid().fibers) {
        if (fiber.state != State::AtBarrier) return false;
    }
    for (Fiber& fiber : grid().fibers) fiber.state = State::Ready;
    return true;
}

// The first fiber in the order that can go on.
inline Fiber* first_ready(const std::vector<unsigned>& order) {
    for (unsigned number : order) {
        Fiber& fiber = grid().fibers[number];
        if (fiber.state == State::Ready) return &fiber;
    }
    return nullptr;
}

// Draws an order: half of the time of all fibers, else of the warps and of the lanes in each, so
// that whole warps get ahead of others.
inline void shuffle(std::vector<unsigned>& order, std::mt19937& random) {
    std::shuffle(order.begin(), order.end(), random);
    if (random() % 2) return;
    std::vector<unsigned> ranks(order.size() / WARP_SIZE + 1);
    for (unsigned& rank : ranks) rank = random();
    auto rank = [&](unsigned number) { return ranks[number / WARP_SIZE]; };
    auto is_before = [&](unsigned a, unsigned b) { return rank(a) < rank(b); };
    std::stable_sort(order.begin(), order.end(), is_before);
}

inline bool all_done() {
    for (const Fiber& fiber : grid().fibers) {
        if (fiber.state != State::Done) return false;
    }
    return true;
}

inline void run_block(unsigned seed, std::mt19937& random) {
    std::vector<unsigned> order(grid().fibers.size());
    for (unsigned i = 0; i < order.size(); ++i) prepare(grid().fibers[i], order[i] = i);
    do {
        if (seed != 0) shuffle(order, random);
        while (Fiber* fiber = first_ready(order)) {
            go_on(*fiber);
            if (fiber->state == State::InWarp) release_warp(*fiber);
        }
    } while (release_barrier());
    if (!all_done()) fail("threads wait for others that never come");
}

// Runs a kernel, one block after another. Seed 0 runs the threads in their order.
template <class Kernel>
void launch(dim3 blocks, dim3 threads, size_t shared_bytes, unsigned seed, Kernel kernel) {
    if (shared_bytes > MOST_SHARED_BYTES) fail("no GPU has that much shared memory");
    Grid& own = grid();
    own.blocks = blocks, own.threads = threads, own.kernel = kernel;
    own.fibers.resize(threads.x * threads.y * threads.z);
    std::mt19937 random(seed);
    for (unsigned i = 0; i < blocks.x * blocks.y * blocks.z; ++i) {
        own.block = {i % blocks.x, i / blocks.x % blocks.y, i / blocks.x / blocks.y};
        std::memset(memory, UNWRITTEN, sizeof memory);
        run_block(seed, random);
        const unsigned char* bytes = reinterpret_cast<const unsigned char*>(memory);
        for (size_t at = shared_bytes; at < sizeof memory; ++at) {
            if (bytes[at] != UNWRITTEN) fail("the kernel wrote behind its shared memory");
        }
    }
}

inline void barrier(unsigned site) {
    if (site != grid().dropped) wait(State::AtBarrier);
}

// Meets the other lanes of `mask`, who all get what each has brought.
template <class T>
void meet(Meeting meeting, unsigned mask, T value) {
    static_assert(sizeof(T) <= sizeof(uint64_t), "lanes exchange eight bytes at most");
    Fiber* own = grid().current;
    if (!(mask >> own->number % WARP_SIZE & 1)) fail("a lane is not in the mask it waits with");
    own->meeting = meeting, own->mask = mask, own->brought = 0;
    std::memcpy(&own->brought, &value, sizeof value);
    wait(State::InWarp);
}

// The mask is one or none, which is all lanes.
inline void sync_warp(unsigned site, std::initializer_list<unsigned> mask) {
    if (site != grid().dropped) meet(Meeting::Sync, mask.size() ? *mask.begin() : ~0u, 0);
}

// What lane `from` brought; the own value where there is no such lane in the mask.
template <class T>
T exchange(unsigned mask, T value, unsigned from) {
    meet(Meeting::Exchange, mask, value);
    if (from < WARP_SIZE && (mask >> from & 1)) {
        std::memcpy(&value, &grid().current->found[from], sizeof value);
    }
    return value;
}

inline unsigned lane() { return grid().current->number % WARP_SIZE; }

}  // namespace host

#define threadIdx (host::grid().current->index)
#define blockIdx (host::grid().block)
#define blockDim (host::grid().threads)
#define gridDim (host::grid().blocks)
#define warpSize host::WARP_SIZE
// The synchronisations of the source are counted from 0.
#define __syncthreads() host::barrier(__COUNTER__)
#define __syncwarp(...) host::sync_warp(__COUNTER__, {__VA_ARGS__})

template <class T>
T __shfl_sync(unsigned mask, T value, unsigned from) {
    return host::exchange(mask, value, from % host::WARP_SIZE);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, unsigned bits) {
    return host::exchange(mask, value, host::lane() ^ bits);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned by) {
    return host::exchange(mask, value, host::lane() + by);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned by) {
    return host::exchange(mask, value, host::lane() - by);
}
inline unsigned __ballot_sync(unsigned mask, bool vote) {
    host::meet(host::Meeting::Vote, mask, (unsigned)vote);
    unsigned votes = 0;
    for (unsigned i = 0; i < host::WARP_SIZE; ++i) {
        if (mask >> i & 1) votes |= (unsigned)host::grid().current->found[i] << i;
    }
    return votes;
}
inline int __any_sync(unsigned mask, bool vote) { return __ballot_sync(mask, vote) != 0; }
inline int __all_sync(unsigned mask, bool vote) { return __ballot_sync(mask, vote) == mask; }

// Fibers are never interrupted: plain arithmetic is atomic.
template <class T, class U>
T atomicAdd(T* at, U value) {
    const T before = *at;
    *at = before + (T)value;
    return before;
}
template <class T, class U>
T atomicMax(T* at, U value) {
    const T before = *at;
    if ((T)value > before) *at = (T)value;
    return before;
}
template <class T, class U>
T atomicExch(T* at, U value) {
    const T before = *at;
    *at = (T)value;
    return before;
}
template <class T, class U>
T atomicCAS(T* at, U expected, U value) {
    const T before = *at;
    if (before == (T)expected) *at = (T)value;
    return before;
}

template <class T>
T __ldg(const T* at) {
    return *at;
}
template <class T>
T __ldcg(const T* at) {
    return *at;
}
template <class T>
void __stcg(T* at, T value) {
    *at = value;
}
inline int __popc(unsigned bits) { return __builtin_popcount(bits); }
inline int __ffs(unsigned bits) { return __builtin_ffs((int)bits); }
template <class T>
T min(T a, T b) {
    return b < a ? b : a;
}
template <class T>
T max(T a, T b) {
    return a < b ? b : a;
}
