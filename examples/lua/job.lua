#!/usr/bin/luajit
-- A job that tells how far it is, then asks the server what it has got (argument: the steps).
-- Needs the ffi of LuaJIT: Debian's package luajit. ECF_FAILOVER_LIBRARY names the library where
-- the system does not find it. Exit status: 0, or the number of the status of the command that
-- failed.
local ffi = require("ffi")

-- What is used of ecf_failover.h.
ffi.cdef [[
typedef struct ecf_client ecf_client;
typedef struct ecf_reply ecf_reply;
ecf_client *ecf_client_new(void);
void ecf_client_free(ecf_client *client);
int32_t ecf_client_set(ecf_client *client, const char *key, const char *value);
int32_t ecf_send_task_cmd(ecf_client *client, int32_t argc, const char *const *argv, ecf_reply **reply);
int32_t ecf_send_user_cmd(ecf_client *client, int32_t argc, const char *const *argv, ecf_reply **reply);
const char *ecf_reply_text(const ecf_reply *reply);
size_t ecf_reply_text_len(const ecf_reply *reply);
const char *ecf_reply_error(const ecf_reply *reply);
void ecf_reply_free(ecf_reply *reply);
const char *ecf_status_text(int32_t status);
]]
local ecf = ffi.load(os.getenv("ECF_FAILOVER_LIBRARY") or "libecf_failover.so.0")

-- Sends a command: its status, its text, and why it failed. Lua's strings are copies, so the
-- reply can be freed here.
local function command(send, client, ...)
  local words = { ... }
  local argv = ffi.new("const char *[?]", #words + 1, words)
  local place = ffi.new("ecf_reply *[1]")
  local status = send(client, #words, argv, place)
  local reply = ffi.gc(place[0], ecf.ecf_reply_free)
  local text = ffi.string(ecf.ecf_reply_text(reply), ecf.ecf_reply_text_len(reply))
  local why = ffi.string(ecf.ecf_reply_error(reply))
  ecf.ecf_reply_free(ffi.gc(reply, nil))
  return status, text, why
end

local steps = tonumber(arg[1] or 10)
local client = ffi.gc(ecf.ecf_client_new(), ecf.ecf_client_free)

-- A dead server must not hold the model: half a minute for each meter, no more.
if not os.getenv("ECF_FAILOVER_PROGRESS_TIMEOUT") then
  ecf.ecf_client_set(client, "ECF_FAILOVER_PROGRESS_TIMEOUT", "30")
end

local status, text, why = 0, "", ""
for step = 1, steps do
  status, text, why = command(ecf.ecf_send_task_cmd, client, "--meter=step", tostring(step))
  if status ~= 0 then break end
end
if status == 0 then
  local name = os.getenv("ECF_NAME") .. ":step"
  status, text, why = command(ecf.ecf_send_user_cmd, client, "--query", "meter", name)
  io.write(text)
end
if status ~= 0 then
  io.stderr:write(ffi.string(ecf.ecf_status_text(status)), "\n", why, "\n")
end
ecf.ecf_client_free(ffi.gc(client, nil))
os.exit(status)
