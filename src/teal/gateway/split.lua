-- Divides the requests of one endpoint among its deployments; installed by `splits.py`, which says what for.
--
-- Every worker thread of Envoy runs this by itself, with counters of its own. The plan of an endpoint is one text,
-- "endpoint=orders;own=blue;split=blue 900000,green 100000;copy=50000;body=16777216;key=header x-user": shares and copies
-- are out of a million, copies are made of bodies up to so many bytes, the last part is there for sticky splits only. The
-- outcome is a header for routes to match: "blue", "blue copy", or "blue skip" (a copy is due, and the body is too
-- large for it). "own" is where the request goes anyway: then nothing is written, and no route is looked for again.

local bit = require("bit")
local tobit, bxor, rshift, band = bit.tobit, bit.bxor, bit.rshift, bit.band

local TOTAL = 1000000
local MAX_PLANS = 20000

-- A round of the garbage collector marks all plans, and every request leaves a little for it. While plans are few, it
-- waits until there is ten times as much as it kept.
local FEW_PLANS = 500

local function multiply(a, b)
  -- The lower 32 bits of a product; in one go they would not fit into the 53 bits of a number.
  local high, low = rshift(a, 16), band(a, 0xffff)
  local factor = b % 4294967296
  return tobit(band(tobit(high * factor), 0xffff) * 65536 + low * factor)
end

local function mix(h)
  -- The finalizer of MurmurHash3: every bit of the input turns half of the bits of the result.
  h = multiply(bxor(h, rshift(h, 16)), 0x85ebca6b)
  h = multiply(bxor(h, rshift(h, 13)), 0xc2b2ae35)
  return bxor(h, rshift(h, 16))
end

function hash_text(text, seed)
  local h = bxor(tobit(0x811c9dc5), seed)
  for i = 1, #text do
    h = multiply(bxor(h, text:byte(i)), 0x01000193)
  end
  return mix(h)
end

function read_plan(text)
  local plan = { names = {}, shares = {}, given = {}, copied = {}, seeds = {}, step = 0, copy = 0, body = 0 }
  for part in text:gmatch("[^;]+") do
    local name, value = part:match("^(%l+)=(.*)$")
    if name == "split" then
      for deployment, share in value:gmatch("([^ ,]+) (%d+)") do
        local i = #plan.names + 1
        plan.names[i], plan.shares[i], plan.given[i] = deployment, tonumber(share), 0
        plan.copied[i], plan.seeds[i] = TOTAL / 2, hash_text(deployment, 0)
      end
    elseif name == "key" then
      plan.key_kind, plan.key_name = value:match("^(%l+) ?(.*)$")
    elseif name == "endpoint" or name == "own" then
      plan[name] = value
    else
      plan[name] = tonumber(value)
    end
  end
  plan.slack = #plan.names > 1 and TOTAL / (2 * #plan.names - 2) or 0
  return plan
end

function choose_next(plan)
  -- Tijdeman's solution of the chairman assignment problem: after any number of requests every deployment is less than
  -- one request away from its share (with two deployments, at most half a request). Whole numbers throughout.
  local step = plan.step + 1
  local best, best_due
  for i = 1, #plan.names do
    local share, given = plan.shares[i], plan.given[i]
    if share * step - given * TOTAL >= plan.slack then
      local due = ((given + 1) * TOTAL - plan.slack) / share
      if best == nil or due < best_due then
        best, best_due = i, due
      end
    end
  end
  plan.step, plan.given[best] = step, plan.given[best] + 1
  if step == TOTAL then
    -- Everybody has exactly its share: start over, so that numbers stay small.
    plan.step = 0
    for i = 1, #plan.names do
      plan.given[i] = 0
    end
  end
  return best
end

function choose_by_key(plan, key)
  -- Weighted rendezvous hashing: each deployment draws a number for this key, and the smallest by share wins. A key moves
  -- only to a deployment whose share grew by a larger factor than that of the one it leaves.
  local key_hash = hash_text(key, 0)
  local best, best_score
  for i = 1, #plan.names do
    local drawn = mix(bxor(key_hash, plan.seeds[i])) % 4294967296
    local score = -math.log((drawn + 0.5) / 4294967296) / plan.shares[i]
    if best == nil or score < best_score then
      best, best_score = i, score
    end
  end
  return best
end

function is_copy_due(plan, i)
  -- Counted for each deployment apart: a copied tenth is a tenth of every deployment's requests.
  local sum = plan.copied[i] + plan.copy
  local due = sum >= TOTAL
  plan.copied[i] = due and sum - TOTAL or sum
  return due
end

function read_cookie(cookies, name)
  for pair in cookies:gmatch("[^;]+") do
    local found, value = pair:match("^%s*([^=]-)%s*=%s*(.-)%s*$")
    if found == name then
      return value
    end
  end
  return nil
end

local function read_key(plan, headers)
  local value
  if plan.key_kind == "header" then
    value = headers:get(plan.key_name)
  elseif plan.key_kind == "cookie" then
    local cookies = headers:get("cookie")
    value = cookies and read_cookie(cookies, plan.key_name)
  elseif plan.key_kind == "bearer" then
    value = headers:get("authorization")
  end
  return value ~= "" and value or nil
end

local function has_small_body(plan, headers)
  local length = headers:get("content-length")
  if length then
    return (tonumber(length) or math.huge) <= plan.body
  end
  local method = headers:get(":method")
  return method == "GET" or method == "HEAD"
end

local plans, latest, plan_count = {}, {}, 0

local function keep_plan(text)
  if plan_count >= MAX_PLANS then
    -- Endpoints come and go; those that are still there begin to count anew with their next request.
    plans, latest, plan_count = {}, {}, 0
  end
  local plan = read_plan(text)
  local replaced = latest[plan.endpoint]
  if replaced then
    plans[replaced] = nil
  else
    plan_count = plan_count + 1
  end
  plans[text], latest[plan.endpoint] = plan, text
  collectgarbage("setpause", plan_count > FEW_PLANS and 200 or 1000)
  return plan
end

function envoy_on_request(handle)
  local text = handle:filterContext():get("plan")
  local plan = plans[text] or keep_plan(text)
  local key = plan.key_kind and read_key(plan, handle:headers())
  local i = key and choose_by_key(plan, key) or choose_next(plan)
  local outcome = plan.names[i]
  if plan.copy > 0 and is_copy_due(plan, i) then
    outcome = outcome .. (has_small_body(plan, handle:headers()) and " copy" or " skip")
  end
  if outcome ~= plan.own then
    handle:headers():replace("x-teal-split", outcome)
  end
end
