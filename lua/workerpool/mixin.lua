-- Methods that one file has for the class of another, so that a class may be longer than
-- a file.

--- What a file of methods returns.
---@param methods table<string, function>
---@return { extend: fun(class: table) } extend gives them to a class
return function(methods)
  return {
    extend = function(class)
      for name, method in pairs(methods) do class[name] = method end
    end,
  }
end
