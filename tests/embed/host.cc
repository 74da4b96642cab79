// SPDX-License-Identifier: MIT
//
// A host in C++: a class that owns a runtime, functions of the host that Lua
// calls, tasks whose results come back as values or exceptions, and threads.
//
// I7: C++ exceptions must not cross neap or Lua, and Lua errors, which are
// jumps, must not cross C++ frames that have something to destroy. So each
// function at the border catches all, and raises with nothing left alive.

#include <neap.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <lua.hpp>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

// ---- the class

class Runtime {
  public:
    using Function = std::function<double(double)>;
    using Done = std::function<void(const std::string *error, double result)>;

    Runtime() {
        neap_config config = NEAP_CONFIG_INIT;
        config.report = on_report;
        config.report_ud = this;
        rt_.reset(neap_open(&config));
        if (!rt_) throw std::bad_alloc();
    }

    void run(const std::string &code) {
        if (neap_dostring(rt_.get(), code.c_str(), "=host") < 0)
            throw std::runtime_error(neap_error(rt_.get()));
    }

    // A function of the host under a global name. It lives as long as we do.
    void define(const std::string &name, Function function) {
        functions_.push_back(std::make_unique<Function>(std::move(function)));
        lua_State *L = neap_state(rt_.get());
        lua_pushlightuserdata(L, functions_.back().get());
        lua_pushcclosure(L, call, 1);
        lua_setglobal(L, name.c_str());
    }

    // Starts the global function; `done` is called when it has ended.
    void spawn(const std::string &name, double argument, Done done) {
        lua_State *L = neap_state(rt_.get());
        lua_getglobal(L, name.c_str());
        lua_pushnumber(L, argument);
        auto wish = std::make_unique<Done>(std::move(done));
        if (neap_spawn(rt_.get(), 1, on_done, wish.get()) < 0)
            throw std::runtime_error(neap_error(rt_.get()));
        wish.release(); // on_done's from here on
    }

    void run() {
        if (neap_run(rt_.get()) < 0)
            throw std::runtime_error(neap_error(rt_.get()));
    }

    // From any thread.
    bool post(std::function<void()> work) {
        auto wish = std::make_unique<std::function<void()>>(std::move(work));
        if (neap_post(rt_.get(), on_post, wish.get()) < 0) return false;
        wish.release();
        return true;
    }

    void hold(int delta) { neap_hold(rt_.get(), delta); }

    const std::vector<std::string> &reports() const { return reports_; }

  private:
    // A function that failed leaves its words here, where the jump that raises
    // them passes over nothing that would have to be destroyed.
    static int call(lua_State *L) {
        static thread_local char words[200];
        double result = 0;
        double argument = luaL_checknumber(L, 1); // raises: nothing lives yet
        bool ok = try_call(lua_touserdata(L, lua_upvalueindex(1)), argument,
                           &result, words, sizeof words);
        if (!ok) return luaL_error(L, "%s", words);
        lua_pushnumber(L, result);
        return 1;
    }

    static bool try_call(void *function, double argument, double *result,
                         char *words, std::size_t size) noexcept {
        try {
            *result = (*static_cast<Function *>(function))(argument);
            return true;
        } catch (const std::exception &e) {
            std::snprintf(words, size, "%s", e.what());
        } catch (...) {
            std::snprintf(words, size, "unknown exception");
        }
        return false;
    }

    static void on_done(neap_runtime *rt, int status, int, void *ud) noexcept {
        std::unique_ptr<Done> done(static_cast<Done *>(ud));
        try {
            std::string error(status < 0 ? neap_error(rt) : "");
            double result = lua_tonumber(neap_state(rt), -1);
            (*done)(status < 0 ? &error : nullptr, result);
        } catch (...) {
            std::cerr << "done threw\n"; // a host's own affair
        }
    }

    static void on_post(void *ud) noexcept {
        std::unique_ptr<std::function<void()>> work(
            static_cast<std::function<void()> *>(ud));
        try {
            (*work)();
        } catch (...) {
            std::cerr << "a post threw\n";
        }
    }

    static void on_report(void *ud, const neap_report *report) noexcept {
        try {
            static_cast<Runtime *>(ud)->reports_.push_back(report->message);
        } catch (...) { // no memory: nothing to be done
        }
    }

    struct Close {
        void operator()(neap_runtime *rt) const { neap_close(rt); }
    };

    // In this order: what the runtime still calls as it closes goes after it.
    std::vector<std::string> reports_;
    std::vector<std::unique_ptr<Function>> functions_;
    std::unique_ptr<neap_runtime, Close> rt_;
};

// ---- its use

void check(bool condition, const char *what) {
    if (condition) return;
    std::cerr << "host.cc: not so: " << what << '\n';
    std::exit(1);
}

void call_each_other(Runtime &runtime) {
    runtime.define("halve", [](double x) {
        if (x < 0) throw std::domain_error("negative");
        return x / 2;
    });
    runtime.run("neap = require 'neap'\n"
                "assert(halve(42) == 21)\n"
                "local ok, e = pcall(halve, -1)\n"
                "assert(not ok and e == 'negative', e)\n"
                "ok, e = pcall(halve, 'x')\n"
                "assert(not ok and e:find 'number expected')");
}

void turn_errors_into_exceptions(Runtime &runtime) {
    std::string words;
    try {
        runtime.run("neap.sleep(0.001); error('in Lua')");
    } catch (const std::runtime_error &e) {
        words = e.what();
    }
    check(words.find("host:1: in Lua\nstack traceback:") == 0, "its words");
    runtime.run("neap.spawn(error, 'nobody waits', 0)");
    check(runtime.reports().back() == "nobody waits", "the report");
}

void spawn_tasks(Runtime &runtime) {
    double sum = 0;
    int failed = 0;
    runtime.run("function double(x)\n"
                "  neap.sleep(0.001)\n"
                "  return halve(4 * x)\n"
                "end");
    for (int i = -3; i <= 3; i++)
        runtime.spawn("double", i, [&](const std::string *error, double x) {
            if (error) failed++;
            else sum += x;
        });
    runtime.run();
    check(sum == 12 && failed == 3, "the results");
}

void post_from_threads(Runtime &runtime) {
    std::vector<std::thread> threads;
    int posts = 0, left = 4;
    auto count = [&] { posts++; };
    auto let_go = [&] {
        if (--left == 0) runtime.hold(-1);
    };
    runtime.hold(1);
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; n++)
                check(runtime.post(count), "the post");
            check(runtime.post(let_go), "the last post");
        });
    runtime.run();
    for (auto &thread : threads) thread.join();
    check(posts == 4000 && left == 0, "all posts");
}

// A task that is still there when the class goes is told so.
void close(int &told) {
    Runtime runtime;
    runtime.run("function sleep(s) require 'neap'.sleep(s) end");
    runtime.spawn("sleep", 1000, [&](const std::string *error, double) {
        if (error && *error == "cancelled: the runtime is closing") told++;
    });
    runtime.spawn("sleep", 1000, [](const std::string *, double) {});
    runtime.post([] {});
}

} // namespace

int main() {
    int told = 0;
    {
        Runtime runtime;
        call_each_other(runtime);
        turn_errors_into_exceptions(runtime);
        spawn_tasks(runtime);
        post_from_threads(runtime);
    }
    close(told);
    check(told == 1, "the end");
}
